"""What an execution waits for, in the words of REST and of the pages."""

from __future__ import annotations

from monitor.health.waiting import Wait, WaitKind
from swf_common_lib.roles import RUNNER

MOST_RUNNERS = 5
"""Names that are shown."""


def wait_text(wait: Wait | None) -> str:
    """Return what is waited for, to be read after "waiting for"; empty when nothing is."""
    if wait is None:
        return ""
    if wait.kind is WaitKind.BROKER:
        return (
            f"the message broker: {wait.broker} is not reachable; it is announced as soon "
            f"as the broker is there{_expiry(wait)}"
        )
    if wait.kind is WaitKind.RUNNER:
        return (
            "a runner: no workflow runner is alive; start one: `testbed start-agents` or "
            f"`supervisorctl -c agents.supervisord.conf start {RUNNER.program}`{_expiry(wait)}"
        )
    if wait.kind is WaitKind.FREE_RUNNER:
        return f"a free workflow runner ({', '.join(wait.runners[:MOST_RUNNERS])})"
    return "the monitor, which is down"


def _expiry(wait: Wait) -> str:
    if wait.expires_at is None:
        return ""
    when = wait.expires_at.isoformat(timespec="seconds")
    return f"; it is terminated at {when} if no runner takes it by then"
