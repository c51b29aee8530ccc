"""What an execution waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db.models import QuerySet
from django.utils import timezone

from monitor.executions.announcer import announcer
from monitor.records.models import SystemAgent, WorkflowExecution
from monitor.records.states import ExecutionStatus
from swf_common_lib.roles import RUNNER

ALIVE_FOR = timedelta(seconds=30)
"""An agent counts as alive this long after a heartbeat."""
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


def live_agents() -> QuerySet[SystemAgent]:
    """Return the agents and runners with a recent heartbeat that have not exited."""
    recent: QuerySet[SystemAgent] = SystemAgent.objects.filter(
        last_heartbeat__gte=timezone.now() - ALIVE_FOR
    ).exclude(operational_state=SystemAgent.OperationalState.EXITED)
    return recent


def live_runners() -> list[str]:
    """Return the names of the runners that are alive."""
    rows = live_agents().filter(agent_type=RUNNER.agent_type)
    return list(rows.order_by("instance_name").values_list("instance_name", flat=True))


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
