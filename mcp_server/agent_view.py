"""What an assistant sees of agents, and of the programs that run them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from mcp_server.results import Result, given, instant
from mcp_server.sizes import short
from monitor.records.models import AppLog, SystemAgent, WorkflowExecution, WorkflowMessage
from monitor.records.states import ACTIVE
from orchestrator.agents import chosen_programs
from orchestrator.process import Process
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisor_connection import SupervisorUnavailable
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import NotFound
from swf_common_lib.settings import Settings

_WARNING = 30
_LINES = 15
_KNOWN = 300

Item = dict[str, Any]


class AgentDetail(Result):
    """An agent as a whole."""

    agent: Item | None = None
    """As its last heartbeat told; None for a program that never reported."""
    process: Item | None = None
    """As supervisord of this host has it; None for an agent of another host."""
    current_work: list[str] = []
    """Executions that it is at; of a runner all that it has in hand."""
    last_message: Item | None = None
    recent_errors: list[Item] = []
    last_lines: list[str] = []
    """What its program wrote last, where it runs under this host's supervisord."""
    next: str


def agent_items(agents: Sequence[SystemAgent], detailed: bool) -> list[Item]:
    """Give agents as a list shows them."""
    return [agent_item(agent, detailed) for agent in agents]


def agent_item(agent: SystemAgent, detailed: bool) -> Item:
    """Give what the last heartbeat of an agent told."""
    age = None
    if agent.last_heartbeat is not None:
        age = round((timezone.now() - agent.last_heartbeat).total_seconds(), 1)
    item = given(
        name=agent.instance_name,
        agent_type=agent.agent_type,
        namespace=agent.namespace,
        operational_state=agent.operational_state,
        health=agent.status,
        heartbeat_age_s=age,
    )
    if not detailed:
        return item
    return item | given(
        hostname=agent.hostname,
        pid=agent.pid,
        broker_connected=agent.mq_connected,
        description=agent.description,
        first_seen=instant(agent.first_seen),
        stf_files_processed=agent.total_stf_processed,
        metadata=agent.metadata,
    )


def agent_detail(settings: Settings, name: str) -> AgentDetail:
    """Give all of an agent, by its own name or its program's; raises NotFound."""
    programs = _processes(settings)
    agent = SystemAgent.objects.filter(instance_name=name).first()
    process = _process_of(agent, programs) if agent else None
    if agent is None:
        process = _program(settings, name, programs)
        agent = _agent_of(process) if process else None
    if agent is None and process is None:
        newest = SystemAgent.objects.order_by("-id").values_list("instance_name", flat=True)
        known = [*newest[:_KNOWN], *programs]
        raise NotFound(
            f"there is no agent {name!r}; {did_you_mean(name, known)}", "list_agents lists all."
        )
    dead = process is not None and not process.up
    return AgentDetail(
        agent=agent_item(agent, True) if agent else None,
        process=_process(process) if process else None,
        current_work=_current_work(agent) if agent else [],
        last_message=_last_message(agent) if agent else None,
        recent_errors=_recent_errors(agent) if agent else [],
        last_lines=process.last_lines(_LINES).splitlines() if process else [],
        next=f'start_agents(agents=["{process.name}"]) starts it.'
        if dead and process
        else "list_logs with source for what it logged, list_messages with sender.",
    )


def _processes(settings: Settings) -> dict[str, Process]:
    try:
        return supervisor_of_agents(settings).processes()
    except SupervisorUnavailable:
        return {}  # nothing was started here


def _process_of(agent: SystemAgent, programs: dict[str, Process]) -> Process | None:
    if agent.hostname != socket.gethostname():
        return None
    return next((p for p in programs.values() if p.pid and p.pid == agent.pid), None)


def _program(settings: Settings, name: str, programs: dict[str, Process]) -> Process | None:
    try:
        (program,) = chosen_programs(settings, [name])
    except NotFound:
        return None
    return programs.get(program)


def _agent_of(process: Process) -> SystemAgent | None:
    if not process.pid:
        return None
    here = SystemAgent.objects.filter(pid=process.pid, hostname=socket.gethostname())
    newest: SystemAgent | None = here.order_by("-last_heartbeat").first()
    return newest


def _process(process: Process) -> Item:
    return given(
        program=process.name,
        state=process.state,
        pid=process.pid or None,
        uptime_s=round(process.uptime),
        description=process.description,
    )


def _current_work(agent: SystemAgent) -> list[str]:
    rows = WorkflowExecution.objects.filter(status__in=ACTIVE, namespace=agent.namespace)
    if agent.agent_type == "workflow_runner":
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
