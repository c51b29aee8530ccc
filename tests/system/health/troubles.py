"""What the tests of troubles share: how they are made, and how an installation stands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from orchestrator.supervisord.orphans import process_exists
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.config import load_testbed_file
from swf_common_lib.findings import Finding, Severity
from swf_common_lib.roles import Role
from tests.processes import end
from tests.stack import Stack
from tests.system.health.surfaces import rest, shown
from tests.waiting import wait_until


def urgent(stack: Stack) -> list[Finding]:
    """Return what REST finds that needs a hand: no notes."""
    return [one for one in rest(stack) if one.severity is not Severity.NOTE]


def wait_mended(stack: Stack) -> None:
    """Wait until nothing needs a hand."""
    try:
        wait_until(lambda: urgent(stack) == [])
    except AssertionError:
        raise AssertionError(f"not mended: {[shown(one) for one in urgent(stack)]}") from None


def kill_supervisord(supervisor: Supervisor) -> None:
    """Kill a supervisord with SIGKILL; its programs live on."""
    pid = supervisor.pid()
    assert pid, "it does not run"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_exists(pid))


def agents(stack: Stack) -> list[dict[str, Any]]:
    """Return the agents of the status, which leaves history out."""
    told: list[dict[str, Any]] = stack.client().get("status/")["agents"]
    return told


def name_of(stack: Stack, role: Role) -> str:
    """Return the name of the agent that a program of supervisord is, once it reports."""
    pid = stack.pid(role.program)
    return wait_until(
        lambda: next((a["instance_name"] for a in agents(stack) if a["pid"] == pid), "")
    )


def begin(stack: Stack, **body: Any) -> str:
    """Start an execution of fast processing and return its id."""
    record = stack.client().post(
        "workflow-executions/start/",
        {"workflow": "stf_datataking", "config": "fast_processing_default", **body},
    )
    return str(record["execution_id"])


@contextmanager
def begun(stack: Stack, **body: Any) -> Iterator[str]:
    """Start an execution of fast processing, yield its id, and stop it if it is not over."""
    execution_id = begin(stack, **body)
    try:
        yield execution_id
    finally:
        stack.run(f"stop-workflow {execution_id}", check=False)


def namespace_of(stack: Stack) -> str:
    """Return the namespace that its agents serve."""
    return load_testbed_file(stack.settings.swf_testbed_config).namespace


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process by SIGSTOP for a while; it may have ended when that is over."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def by_hand(stack: Stack, role: Role) -> Iterator[subprocess.Popen[bytes]]:
    """Run an agent outside of supervisord; yield its process once it reports."""
    with (stack.settings.log_dir / "by-hand.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, role.script],
            cwd=stack.home,
            env=stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def reports() -> bool:
        assert process.poll() is None, "it ended"
        here = [one for one in agents(stack) if one["pid"] == process.pid]
        return any(one["operational_state"] == "READY" for one in here)

    try:
        wait_until(reports)
        yield process
    finally:
        end(process)
