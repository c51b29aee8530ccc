"""The workflow runner: executes workflows that the monitor has on record.

Persistent (``python workflows/workflow_runner.py``): serves the queue of commands. Once
(``--run-once stf_datataking``): one workflow, then it ends. As a library::

    with WorkflowRunner(monitor_url="http://127.0.0.1:8002") as runner:
        execution_id = runner.run_workflow("stf_datataking", stf_count=5)
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from swf_common_lib.agent_main import agent_namespace, stop_on_signals
from swf_common_lib.command_line import CommandParser
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.logs import log_to_stderr
from swf_common_lib.settings import Settings, load_settings
from swf_common_lib.states import EndCause, ExecutionStatus
from workflows.runner.agent import MAX_EXECUTIONS
from workflows.runner.display import follow, summary
from workflows.runner.execution import Execution
from workflows.runner.options import RunRequest, add_run_options
from workflows.runner.workflow_runner import WorkflowRunner

__all__ = ["WorkflowRunner", "main"]

OK, FAILED = 0, 1
"""Exit statuses. A wrong command line ends with 2, as everywhere."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.workflow and not options.run_once:
        parser.error(f"to run {options.workflow} once, say --run-once {options.workflow}")
    try:
        settings = load_settings()
        if options.run_once:
            return _once(options, settings)
        return _persistent(options, settings)
    except TestbedError as error:
        print(f"workflow_runner: {error}", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="workflow_runner.py",
        description="Execute workflows: those that are announced on the queue of commands, or"
        " with --run-once a single one.",
    )
    parser.add_argument("--run-once", action="store_true", help="run WORKFLOW, then end")
    parser.add_argument(
        "workflow",
        nargs="?",
        metavar="WORKFLOW",
        help="what --run-once runs (default: testbed.toml's)",
    )
    parser.add_argument("--testbed-config", type=Path, metavar="T", help="the testbed.toml to use")
    parser.add_argument("--namespace", help="namespace (default: testbed.toml's)")
    parser.add_argument(
        "--max-executions",
        type=int,
        default=MAX_EXECUTIONS,
        metavar="N",
        help=f"executions at once; further starts wait in the queue (default {MAX_EXECUTIONS})",
    )
    parser.add_argument("--debug", action="store_true", help="log more")
    add_run_options(parser.add_argument_group("with --run-once"))
    return parser


def _persistent(options: argparse.Namespace, settings: Settings) -> int:
    if options.max_executions < 1:
        raise ConfigurationError([f"--max-executions {options.max_executions}: at least 1"])
    log_to_stderr(logging.DEBUG if options.debug else logging.INFO)
    runner = WorkflowRunner(
        settings=settings,
        namespace=agent_namespace(options, settings),
        max_executions=options.max_executions,
        serves_starts=True,
    )
    stop_on_signals(runner)
    runner.run()
    return OK


def _once(options: argparse.Namespace, settings: Settings) -> int:
    log_to_stderr(logging.DEBUG if options.debug else logging.ERROR)
    request = RunRequest.from_options(options, options.workflow, settings)
    fields = {**request.fields, "through": "once"}
    console = Console(highlight=False)
    with WorkflowRunner(settings=settings, namespace=str(fields["namespace"])) as runner:
        began = time.monotonic()
        execution = runner.begin(fields)
        console.print(f"{execution.execution_id} started, namespace {fields['namespace']}")
        with _ended_by_signals(execution):
            follow(execution, console)
        console.print(summary(execution, time.monotonic() - began), soft_wrap=True)
    return OK if execution.status == ExecutionStatus.COMPLETED else FAILED


@contextmanager
def _ended_by_signals(execution: Execution) -> Generator[None, None, None]:
    """Stop the execution on SIGINT and SIGTERM, in an orderly way the first time."""

    def stop(number: int, _frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        reason = f"the runner was ended by {signal.Signals(number).name}"
        execution.stop(reason, cause=EndCause.RUNNER_STOPPED)

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    raise SystemExit(main())
