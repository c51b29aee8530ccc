"""What an execution waits for."""

from __future__ import annotations

from datetime import timedelta

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


def waiting_for(execution: WorkflowExecution) -> str:
    """Return what a pending execution waits for; an empty text for one that does not wait."""
    if execution.status != ExecutionStatus.PENDING:
        return ""
    runners = live_runners()
    expiry = ""
    if execution.expires_at is not None and not runners:  # where there are some, its turn comes
        when = execution.expires_at.isoformat(timespec="seconds")
        expiry = f"; it is terminated at {when} if no runner takes it by then"
    if execution.announced_at is None and not announcer().status().connected:
        return (
            f"the message broker: {announcer().address} is not reachable; it is announced as soon "
            f"as the broker is there{expiry}"
        )
    announced = execution.announced_at
    if runners and announced is not None and timezone.now() - announced < TAKEN_WITHIN:
        return ""
    if not runners:
        return (
            "a runner: no workflow runner is alive; start one: `testbed start-agents` or "
            f"`supervisorctl -c agents.supervisord.conf start {RUNNER.program}`{expiry}"
        )
    return f"a free workflow runner ({', '.join(runners[:5])})"
