"""What an assistant sees of agents."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from mcp_server.answers.finding_texts import advice, sentence, view
from mcp_server.answers.results import Result
from mcp_server.views.agent_process import (
    ProcessSeen,
    end_of_agent,
    process_of_agent,
    process_of_program,
    program_of,
)
from monitor.executions.agents import programs_here
from monitor.executions.announcer import announcer
from monitor.health.agents import findings_on
from monitor.health.liveness import SeenAgent, agents_seen, health_of, seen
from monitor.records.models import AppLog, SystemAgent, WorkflowExecution, WorkflowMessage
from monitor.records.states import ACTIVE
from orchestrator.supervisord.process import Process
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import NotFound
from swf_common_lib.findings import Finding, ranked
from swf_common_lib.roles import RUNNER
from swf_common_lib.settings import Settings
from swf_common_lib.text import given, instant, short

_WARNING = 30
_LINES = 15
_KNOWN = 300

Item = dict[str, Any]


class AgentDetail(Result):
    """An agent as a whole."""

    findings: list[Item] = []
    """What is wrong with it, and what to do next."""
    agent: Item | None = None
    """The content of its last heartbeat; None for a program that never sent one."""
    ended: Item | None = None
    """For one that is no more: since when, and whether it was stopped in order."""
    process: Item | None = None
    """Its process in this host's supervisord, or why there is none."""
    current_work: list[str] = []
    """Active executions of its namespace; for a runner, those that it runs."""
    last_message: Item | None = None
    recent_errors: list[Item] = []
    last_lines: list[str] = []
    """The last lines of its output, where it runs under this host's supervisord."""
    next: str


def agent_items(agents: Sequence[SystemAgent], detailed: bool) -> list[Item]:
    """Return agents as items of a list."""
    now = timezone.now()
    known = {agent.row.pk: agent for agent in agents_seen(now, everything=True)}
    return [
        agent_item(known.get(row.pk) or seen([row], now)[0], now, detailed=detailed)
        for row in agents
    ]


def agent_item(agent: SeenAgent, now: datetime, *, detailed: bool) -> Item:
    """Return the content of an agent's last heartbeat, as far as it still holds."""
    row = agent.row
    item = given(
        name=row.instance_name,
        agent_type=row.agent_type,
        namespace=row.namespace,
        liveness=agent.liveness.value,
        replaced_by=agent.replaced_by,
        operational_state=row.operational_state if agent.alive else None,
        health=health_of(row, now),
        heartbeat_age_seconds=None if agent.age is None else round(agent.age, 1),
    )
    if not detailed:
        return item
    return item | given(
        hostname=row.hostname,
        pid=row.pid,
        broker_connected=row.mq_connected if agent.alive else None,
        description=row.description,
        first_seen=instant(row.first_seen),
        stf_files_processed=row.total_stf_processed,
        metadata=row.metadata,
    )


def agent_detail(settings: Settings, name: str) -> tuple[AgentDetail, str]:
    """Return everything about an agent and that in a line; raise NotFound.

    It is found by its own name or by its program's.
    """
    programs = programs_here(settings)
    row = SystemAgent.objects.filter(instance_name=name).first()
    process = None if row else program_of(settings, name, programs)
    row = row or _agent_of(process)
    if row is not None:
        return _of_agent(row, process_of_agent(settings, row, programs))
    if process is not None:
        return _of_program(process_of_program(settings, process), name)
    newest = SystemAgent.objects.order_by("-id").values_list("instance_name", flat=True)
    known = [*newest[:_KNOWN], *programs]
    raise NotFound(
        f"there is no agent {name!r}; {did_you_mean(name, known)}", "list_agents lists all."
    )


def _of_agent(row: SystemAgent, there: ProcessSeen) -> tuple[AgentDetail, str]:
    now = timezone.now()
    agent = _seen_among_others(row, now)
    work = _current_work(row)
    findings = _findings_on(agent, work, now)
    detail = AgentDetail(
        findings=[view(finding) for finding in findings],
        agent=agent_item(agent, now, detailed=True),
        ended=end_of_agent(agent),
        process=there.told,
        current_work=work,
        last_message=_last_message(row),
        recent_errors=_recent_errors(row),
        last_lines=_last_lines(there),
        next=advice(findings[0]) if findings and agent.current else there.next,
    )
    return detail, _line(agent, detail, findings)


def _of_program(there: ProcessSeen, name: str) -> tuple[AgentDetail, str]:
    told = there.told or {}
    detail = AgentDetail(process=told, last_lines=_last_lines(there), next=there.next)
    ended = f" ({told['ended']['how']} at {told['ended']['at']})" if "ended" in told else ""
    return detail, f"{name}: {told['reports']}, process {told['state']}{ended}. Next: {there.next}"


def _line(agent: SeenAgent, detail: AgentDetail, findings: list[Finding]) -> str:
    """Return how an agent stands, what is wrong with it first."""
    process = f", process {detail.process['state']}" if detail.process else ""
    if findings:
        return f"{sentence(findings[0])}{process}. Next: {short(detail.next, 200)}"
    if detail.ended:
        since = instant(agent.row.last_heartbeat) or "never heard of"
        return f"{agent.name}: {detail.ended['how']}, {since}{process}. Next: {detail.next}"
    state = agent.row.operational_state if agent.alive else agent.liveness.value
    return f"{agent.name}: {state}{process}"


def _seen_among_others(row: SystemAgent, now: datetime) -> SeenAgent:
    """Return how an agent stands, and who has taken its place since."""
    others = SystemAgent.objects.filter(
        agent_type=row.agent_type, namespace=row.namespace, hostname=row.hostname
    )
    newest = others.order_by("-first_seen").first()
    return seen([row] if newest is None or newest.pk == row.pk else [row, newest], now)[0]


def _findings_on(agent: SeenAgent, work: list[str], now: datetime) -> list[Finding]:
    needed = {agent.row.namespace} if work else set()
    return ranked(findings_on(agent, needed, now, broker_up=announcer().status().connected))


def _last_lines(there: ProcessSeen) -> list[str]:
    return there.process.last_lines(_LINES).splitlines() if there.process else []


def _agent_of(process: Process | None) -> SystemAgent | None:
    if process is None or not process.pid:
        return None
    here = SystemAgent.objects.filter(pid=process.pid, hostname=socket.gethostname())
    newest: SystemAgent | None = here.order_by("-last_heartbeat").first()
    return newest


def _current_work(agent: SystemAgent) -> list[str]:
    rows = WorkflowExecution.objects.filter(status__in=ACTIVE, namespace=agent.namespace)
    if agent.agent_type == RUNNER.agent_type:
        rows = WorkflowExecution.objects.filter(status__in=ACTIVE, runner=agent.instance_name)
    return list(rows.order_by("-created_at").values_list("execution_id", flat=True)[:10])


def _last_message(agent: SystemAgent) -> Item | None:
    rows = WorkflowMessage.objects.filter(sender_agent=agent.instance_name)
    last = rows.order_by("-id").first()
    if last is None:
        return None
    return given(
        id=last.pk,
        type=last.message_type,
        at=instant(last.sent_at),
        execution_id=last.execution_id,
    )


def _recent_errors(agent: SystemAgent) -> list[Item]:
    rows = AppLog.objects.filter(instance_name=agent.instance_name, level__gte=_WARNING)
    return [
        given(at=instant(row.timestamp), level=row.levelname, message=short(row.message, 300))
        for row in rows.order_by("-id")[:5]
    ]
