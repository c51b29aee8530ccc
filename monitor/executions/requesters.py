"""Who asked for what an execution came to: the person, not the runner that carried it out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from monitor.records.models import SystemAgent, SystemStateEvent, WorkflowExecution
from monitor.records.states import ExecutionStatus
from swf_common_lib.roles import RUNNER
from swf_common_lib.states import AgentsEvent, Change, EndCause

AGENTS_END_WITHIN = timedelta(minutes=1)
"""How long a runner that was told to stop may take to report the ends of its executions."""
_LOOKED_AT = 20
_LEADS_TO = {
    ExecutionStatus.TERMINATED: Change.STOP,
    ExecutionStatus.PAUSED: Change.PAUSE,
    ExecutionStatus.RUNNING: Change.RESUME,
}


@dataclass(frozen=True)
class Requester:
    """Somebody who asked for something."""

    name: str
    via: str


def requester_of(
    execution: WorkflowExecution, status: str, cause: EndCause | None
) -> Requester | None:
    """Return who asked for the status that a runner reports; None where nobody is known to have."""
    if status not in _LEADS_TO:
        return None
    if cause is EndCause.RUNNER_STOPPED:
        return _who_stopped(execution.runner)
    change = _LEADS_TO[ExecutionStatus(status)]
    if execution.requested_change != change:
        return None
    asked = SystemStateEvent.objects.filter(
        execution_id=execution.execution_id, event_type=f"{change}_requested"
    )
    row = asked.order_by("-id").values_list("actor", "via").first()
    return None if row is None else Requester(*row)


def _who_stopped(runner: str) -> Requester | None:
    """Return who stopped the agents on a runner's host just now."""
    of_name = SystemAgent.objects.filter(instance_name=runner)
    host = of_name.values_list("hostname", flat=True).first()
    asked = SystemStateEvent.objects.filter(event_type=AgentsEvent.STOP_REQUESTED)
    since = timezone.now() - AGENTS_END_WITHIN
    for event in asked.order_by("-id")[:_LOOKED_AT]:
        if event.created_at >= since and _names_runner_of(host, event.event_data):
            return Requester(event.actor, event.via)
    return None


def _names_runner_of(host: str | None, told: Any) -> bool:
    """Return whether what anybody may have sent as an event's data names the runner of a host."""
    if not isinstance(told, dict) or told.get("host") != host:
        return False
    programs = told.get("programs")
    return isinstance(programs, list) and RUNNER.program in programs
