"""What an execution waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.utils import timezone

from monitor.executions.announcer import announcer
from monitor.health.liveness import live_runners
from monitor.records.models import WorkflowExecution
from monitor.records.states import ExecutionStatus

TAKEN_WITHIN = timedelta(seconds=2)
"""So soon after its announcement an execution is not yet expected to have a runner."""


class WaitKind(Enum):
    """What a pending execution can wait for."""

    BROKER = "broker"
    """It could not be announced yet."""
    RUNNER = "runner"
    """No runner is alive."""
    FREE_RUNNER = "free_runner"
    """Runners are alive, and all have as many executions as they may."""
    MONITOR = "monitor"
    """The monitor's web process is away, from which runners take executions."""


@dataclass(frozen=True)
class Wait:
    """What a pending execution waits for."""

    kind: WaitKind
    broker: str = ""
    """Address of the broker that is not there."""
    runners: tuple[str, ...] = ()
    """The runners that are alive."""
    expires_at: datetime | None = None
    """When it is terminated unless a runner has taken it; None: it is not."""


def waiting_for(execution: WorkflowExecution) -> Wait | None:
    """Return what a pending execution waits for; None for one that does not wait."""
    if execution.status != ExecutionStatus.PENDING:
        return None
    runners = tuple(live_runners())
    # Where there are some, its turn comes.
    expires_at = None if runners else execution.expires_at
    announced = execution.announced_at
    if announced is None and not announcer().status().connected:
        return Wait(WaitKind.BROKER, announcer().address, expires_at=expires_at)
    if not runners:
        return Wait(WaitKind.RUNNER, expires_at=expires_at)
    if announced is not None and timezone.now() - announced < TAKEN_WITHIN:
        return None
    return Wait(WaitKind.FREE_RUNNER, runners=runners)
