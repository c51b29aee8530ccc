"""`testbed run` and `run-workflow`, and stopping, pausing and resuming executions."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.agent_history import start_agents_on_record
from orchestrator.cli.context import Commands, Context
from orchestrator.cli.progress_display import progress_display
from orchestrator.cli.summary import print_summary
from orchestrator.installation import require_token
from orchestrator.runs import ExecutionProgress, check, follow, send_command, start
from swf_common_lib.config import (
    TestbedFile,
    load_testbed_file,
    parse_assignment,
    read_text,
    resolve_config_name,
)
from swf_common_lib.errors import (
    BrokerUnavailable,
    ConfigurationError,
    TestbedError,
    WorkflowFailed,
)
from swf_common_lib.roles import RUNNER
from swf_common_lib.states import ExecutionStatus

# Options that are parameters of a configuration, with what they count or measure.
PARAMETERS = (
    ("--stf-count", int, "N", "STF files in each physics period"),
    ("--physics-period-count", int, "N", "physics periods; 0: until stopped"),
    ("--physics-period-duration", float, "S", "simulated seconds of a physics period"),
    ("--stf-interval", float, "S", "simulated seconds between STF files"),
)


def add_commands(commands: Commands) -> None:
    """Add this module's commands."""
    run = commands.add_parser(
        "run",
        help="start the agents and a workflow",
        description="Start the enabled agents and the workflow that a configuration describes; "
        "print the execution's id and return.",
    )
    run.add_argument(
        "name", nargs="?", help="workflows/NAME.toml or NAME_default.toml (default: testbed.toml's)"
    )
    _add_options(run)
    run.set_defaults(command=_run)
    by_name = commands.add_parser("run-workflow", help="start a workflow by name and version")
    by_name.add_argument("name", metavar="NAME", help="the workflow's name")
    by_name.add_argument("--version", help="version of the definition stored in the database")
    by_name.add_argument("--config", metavar="FILE", help="a local TOML file, or a known name")
    by_name.add_argument("--worker-count", type=int, metavar="N", help="workers of the run")
    _add_options(by_name)
    by_name.set_defaults(command=_run_workflow)
    for verb, what in (
        ("stop", "end an execution properly: status terminated"),
        ("pause", "put the DAQ of an execution into standby"),
        ("resume", "take data again after a pause"),
    ):
        parser = commands.add_parser(f"{verb}-workflow", help=what)
        parser.add_argument("execution_id", metavar="EXECUTION_ID")
        parser.add_argument("--reason", default="", help="kept in the record")
        parser.set_defaults(command=partial(_change, verb))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="follow it to the end")
    parser.add_argument("--namespace", help="namespace (default: testbed.toml's)")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--realtime",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="one simulated second a second, or as fast as the machine goes",
    )
    pace.add_argument("--speed", type=float, metavar="N", help="simulated seconds a second")
    parser.add_argument("--duration", type=float, metavar="S", help="end after S simulated seconds")
    for option, kind, metavar, text in PARAMETERS:
        parser.add_argument(option, type=kind, metavar=metavar, help=text)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="[SECTION.]KEY=VALUE",
        help="any other parameter; may be repeated",
    )


def overrides(options: argparse.Namespace) -> dict[str, Any]:
    """Return the parameters that the command line sets."""
    named = {
        option[2:].replace("-", "_"): getattr(options, option[2:].replace("-", "_"))
        for option, *_ in PARAMETERS
    }
    if getattr(options, "worker_count", None) is not None:
        named["target_worker_count"] = options.worker_count
    given = {name: value for name, value in named.items() if value is not None}
    problems = []
    for text in options.set:
        try:
            name, value = parse_assignment(text)
        except ConfigurationError as error:
            problems += [f"--set {problem}" for problem in error.problems]
        else:
            given[name] = value
    if problems:
        raise ConfigurationError(problems, "Write it as --set name=value or section.name=value.")
    return given


def _run(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    return _start_with_agents(context, run_request(context, options), wait=options.wait)


def run_request(context: Context, options: argparse.Namespace) -> dict[str, Any]:
    """Return the body of the request to start; raise when the configuration does not exist."""
    testbed = load_testbed_file(context.settings.swf_testbed_config)
    request: dict[str, Any] = {**_common(testbed, options), "workflow": None, "config": None}
    if options.name:
        workflows = context.settings.swf_home / "workflows"
        request["config"] = resolve_config_name(options.name, workflows)
    else:
        request["workflow"] = testbed.workflow.name or None
        request["config"] = testbed.workflow.config or None
        if options.realtime is None and options.speed is None:
            request["speed"] = testbed.workflow.speed
            if testbed.workflow.speed is None:
                request["realtime"] = testbed.workflow.realtime
    return request


def _run_workflow(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    testbed = load_testbed_file(context.settings.swf_testbed_config)
    request: dict[str, Any] = {
        **_common(testbed, options),
        "workflow": options.name,
        "version": options.version,
    }
    if options.config and (path := Path(options.config)).is_file():
        request["config_text"] = read_text(path)
        request["config"] = path.stem
    elif options.config and "/" in options.config:
        raise ConfigurationError(
            [f"{options.config}: there is no such file"],
            "Give a path to a TOML file, or the name of a configuration in workflows/.",
        )
    else:
        request["config"] = options.config
        request["from_definition"] = not options.config or None
    return _start_with_agents(context, request, wait=options.wait)


def _start_with_agents(context: Context, request: dict[str, Any], *, wait: bool) -> int:
    check(context.client(), request)  # before anything is started for it
    try:
        start_agents_on_record(context.settings)
    except BrokerUnavailable as error:
        # The execution is recorded all the same, and announced when the broker is back.
        context.err.print(str(error), markup=False)
    return start_and_print(context, request, wait=wait)


def _common(testbed: TestbedFile, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "namespace": options.namespace or testbed.namespace,
        "parameters": overrides(options),
        "realtime": options.realtime,
        "speed": options.speed,
        "duration": options.duration,
        "through": "cli",
        **sent(testbed),
    }


def sent(testbed: TestbedFile) -> dict[str, Any]:
    """Return the fields that carry our ``testbed.toml``: the monitor's may differ."""
    return {"testbed_name": testbed.path.name, "testbed_text": testbed.text}


def start_and_print(context: Context, request: dict[str, Any], *, wait: bool) -> int:
    """Start an execution, print its id, and follow it when asked to.

    Raises WorkflowFailed when a followed execution does not complete.
    """
    record = start(context.client(patience=5.0), request)
    context.out.print(record["execution_id"], markup=False)
    if waiting_for := record.get("waiting_for"):
        context.err.print(f"{record['status']}: waiting for {waiting_for}", markup=False)
    if not wait:
        return 0
    progress = follow_to_the_end(context, record["execution_id"])
    print_summary(context, progress)
    require_completed(progress)
    return 0


def follow_to_the_end(context: Context, execution_id: str) -> ExecutionProgress:
    """Show the execution's progress until it is over. Interrupting does not stop it."""
    try:
        with progress_display(context.err) as display:
            return follow(
                context.client(patience=30.0), execution_id, display.show, display.stalled
            )
    except KeyboardInterrupt:
        raise TestbedError(
            f"no longer following {execution_id}; it goes on",
            f"`testbed stop-workflow {execution_id}` stops it.",
        ) from None


def require_completed(progress: ExecutionProgress) -> None:
    """Raise WorkflowFailed with the recorded reason unless the execution completed."""
    if progress.status != ExecutionStatus.COMPLETED:
        record = progress.record
        reason = record.get("error_message") or record.get("status_reason")
        reason = reason or "no reason is recorded"
        raise WorkflowFailed(
            f"{progress.execution_id} ended {progress.status}: {reason}",
            f"`testbed logs {RUNNER.program}` says more.",
        )


def _change(verb: str, context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    record = send_command(context.client(), options.execution_id, verb, options.reason)
    context.out.print(f"{record['execution_id']}: {verb} requested ({record['status']})")
    if record.get("note"):
        context.out.print(record["note"], markup=False)
    return 0
