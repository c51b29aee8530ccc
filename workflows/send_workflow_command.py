"""Send a command to the workflow runners: ``run``, ``stop``, ``pause``, ``resume``, ``status``."""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swf_common_lib.command_line import CommandParser
from swf_common_lib.config import load_testbed_file
from swf_common_lib.errors import BrokerUnavailable, MonitorUnavailable, TestbedError
from swf_common_lib.logs import log_to_stderr
from swf_common_lib.messages import parse_message
from swf_common_lib.messaging import WORKFLOW_CONTROL, MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings, load_settings
from workflows.runner.options import RunRequest, add_run_options
from workflows.runner.record import start_body

CONNECT_PATIENCE = 3.0
"""Seconds to wait for the broker."""
ANSWER_PATIENCE = 10.0
"""Seconds to wait for a runner's answer, unless said otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Send one command and return the exit status: 0 done, 1 not done.

    A wrong command line ends the program with 2, as everywhere.
    """
    options = _parser().parse_args(arguments)
    log_to_stderr(logging.ERROR)
    try:
        settings = load_settings()
        body = _body(options, settings)
        with _connected(settings) as bus:
            answer = _ask(bus, body, options.timeout)
    except TestbedError as error:
        print(f"send_workflow_command: {error}", file=sys.stderr)
        return 1
    return _show(options.command, answer)


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog="send_workflow_command.py", description=__doc__)
    parser.add_argument("--testbed-config", type=Path, metavar="T", help="the testbed.toml to use")
    parser.add_argument("--namespace", help="namespace (default: testbed.toml's)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=ANSWER_PATIENCE,
        metavar="S",
        help=f"seconds to wait for a runner's answer (default {ANSWER_PATIENCE:g})",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start a workflow and print its execution id")
    run.add_argument("--workflow", metavar="NAME", help="default: testbed.toml's")
    add_run_options(run)
    for name, text in (
        ("stop", "end an execution"),
        ("pause", "let an execution stand still"),
        ("resume", "let an execution go on"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--execution-id", required=True, metavar="ID")
        command.add_argument("--reason", default="", metavar="TEXT")
    status = commands.add_parser("status", help="what a runner has in hand")
    status.add_argument("--execution-id", default="", metavar="ID", help="this execution alone")
    return parser


def _body(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    user = getpass.getuser()
    if options.command == "run":
        fields = dict(RunRequest.from_options(options, options.workflow, settings).fields)
        fields["workflow_name"] = fields.pop("workflow")
        fields["params"] = fields.pop("parameters")
        identity = {"message_id": str(uuid.uuid4()), "sender": user, "executed_by": user}
        return {"msg_type": "run_workflow", **identity, **fields}
    namespace = options.namespace
    if not namespace:
        path = options.testbed_config or settings.swf_testbed_config
        namespace = load_testbed_file(path).namespace
    body = {"namespace": namespace, "sender": user, "execution_id": options.execution_id}
    if options.command == "status":
        return {"msg_type": "status_request", **body}
    reason = options.reason or f"{options.command} requested by {user}"
    return {"msg_type": f"{options.command}_workflow", "reason": reason, **body}


def _ask(bus: MessageBus, body: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Send the command and return the answer.

    A start that no runner answers becomes a pending record, which the next free runner takes.
    It has the command's identity, so that a command taken late starts nothing more.
    """
    try:
        return bus.request(WORKFLOW_CONTROL, body, timeout)
    except BrokerUnavailable:
        if body["msg_type"] != "run_workflow" or not bus.connected:
            raise
    request = start_body(parse_message(body), "", "")
    try:
        pending = MonitorClient.from_settings(bus.settings).post(
            "workflow-executions/start/", request
        )
    except MonitorUnavailable as error:
        raise MonitorUnavailable(
            f"no runner answered within {timeout:g} s, and {error.detail}",
            "The command stays on the queue: a runner carries it out when the monitor is back"
            " (testbed start-local). Do not send it again.",
        ) from error
    print(
        f"No runner took it within {timeout:g} s; it is {pending['status']}, waiting for"
        f" {pending.get('waiting_for') or 'a runner'}",
        file=sys.stderr,
    )
    return {**pending, "ok": True}


@contextmanager
def _connected(settings: Settings) -> Generator[MessageBus, None, None]:
    bus = MessageBus(settings)
    try:
        bus.start(CONNECT_PATIENCE)
        yield bus
    finally:
        bus.close(1.0)


def _show(command: str, answer: dict[str, Any]) -> int:
    if not answer.get("ok"):
        print(f"send_workflow_command: {answer.get('detail', 'refused')}", file=sys.stderr)
        if answer.get("hint"):
            print(answer["hint"], file=sys.stderr)
        return 1
    if command == "run":
        print(answer["execution_id"])
    elif command == "status":
        print(answer.get("detail", ""))
        for execution in answer.get("executions", []):
            shown = (f"{key}={value}" for key, value in execution.items() if value != "")
            print("  " + "  ".join(shown))
    else:
        print(answer.get("detail", ""))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
