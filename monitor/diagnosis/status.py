"""The state of the whole as terminal and pages show it: services, agents, executions, findings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from monitor.health.liveness import SeenAgent
from monitor.health.look import Look
from monitor.health.services import service_states
from monitor.health.wait_text import wait_text
from monitor.health.waiting import waiting_for
from monitor.records.models import SystemAgent, WorkflowExecution
from monitor.records.states import ACTIVE, TERMINAL, ExecutionStatus
from swf_common_lib.findings import Finding, Severity
from swf_common_lib.text import instant

LATEST = 10
"""Ended executions that are shown."""
UNFINISHED = 50


def system_status(look: Look, findings: list[Finding]) -> dict[str, Any]:
    """Return services, agents, executions and what needs a hand, as they were at ``as_of``.

    ``findings``: what ``system_findings`` found with this look.
    """
    return {
        "as_of": instant(look.now),
        "healthy": is_healthy(findings),
        "findings": [finding.as_json() for finding in findings],
        "services": service_states(findings, look.parts),
        "agents": [agent_state(agent) for agent in look.agents if agent.current],
        "executions": [_execution(row, look.heard) for row in _executions()],
    }


def is_healthy(findings: list[Finding]) -> bool:
    """Return whether nothing needs a hand; notes need none."""
    return all(finding.severity is Severity.NOTE for finding in findings)


def agent_state(agent: SeenAgent) -> dict[str, Any]:
    """Return an agent as its last heartbeat described it, and how it stands now."""
    row = agent.row
    return {
        "instance_name": row.instance_name,
        "agent_type": row.agent_type,
        "namespace": row.namespace,
        "status": row.status if agent.alive else str(SystemAgent.Status.UNKNOWN),
        "operational_state": row.operational_state,
        "liveness": agent.liveness.value,
        "heartbeat_age_seconds": None if agent.age is None else round(agent.age, 1),
        "mq_connected": row.mq_connected,
        "pid": row.pid,
        "hostname": row.hostname,
        "description": row.description,
    }


def _executions() -> list[WorkflowExecution]:
    rows = WorkflowExecution.objects.select_related("workflow_definition").order_by(
        "-created_at", "-execution_id"
    )
    # Parameters and code are large, and nobody looks at them here.
    rows = rows.defer("parameter_values", "source", "workflow_definition__definition")
    unfinished = rows.filter(status__in=[ExecutionStatus.PENDING, *ACTIVE])[:UNFINISHED]
    ended = rows.filter(status__in=TERMINAL)[:LATEST]
    return [*unfinished, *ended]


def _execution(row: WorkflowExecution, heard: bool) -> dict[str, Any]:
    answer = {
        "execution_id": row.execution_id,
        "status": row.status,
        "status_reason": row.status_reason,
        "workflow_name": row.workflow_name,
        "namespace": row.namespace,
        "executed_by": row.executed_by,
        "runner": row.runner,
        "run_number": row.run_number,
        "created_at": _iso(row.created_at),
        "start_time": _iso(row.start_time),
        "end_time": _iso(row.end_time),
    }
    if row.status == ExecutionStatus.PENDING and heard:
        answer["waiting_for"] = wait_text(waiting_for(row))
    return answer


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
