"""What an assistant sees of agents, and of the programs that run them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from mcp_server.answers.results import Result
from monitor.executions.agents import programs_here
from monitor.health.liveness import Liveness, health_of, liveness_of
from monitor.records.models import AppLog, SystemAgent, WorkflowExecution, WorkflowMessage
from monitor.records.states import ACTIVE
from orchestrator.agents import chosen_programs
from orchestrator.supervisord.orphans import process_exists
from orchestrator.supervisord.process import Process
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import NotFound
from swf_common_lib.roles import RUNNER, role_of_program
from swf_common_lib.settings import Settings
from swf_common_lib.text import given, instant, short

_WARNING = 30
_LINES = 15
_KNOWN = 300
_PIDS = 2**31
_LOOK = "list_logs with source for what it logged, list_messages with sender."

Item = dict[str, Any]


class AgentDetail(Result):
    """An agent as a whole."""

    agent: Item | None = None
    """The content of its last heartbeat; None for a program that never sent one."""
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
    return [agent_item(agent, detailed) for agent in agents]


def agent_item(agent: SystemAgent, detailed: bool) -> Item:
    """Return the content of an agent's last heartbeat."""
    now = timezone.now()
    age = None
    if agent.last_heartbeat is not None:
        age = round((now - agent.last_heartbeat).total_seconds(), 1)
    liveness = liveness_of(agent, now)
    item = given(
        name=agent.instance_name,
        agent_type=agent.agent_type,
        namespace=agent.namespace,
        liveness=liveness.value,
        operational_state=agent.operational_state if liveness is Liveness.ALIVE else None,
        health=health_of(agent, now),
        heartbeat_age_seconds=age,
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
    """Return everything about an agent, found by its name or its program's; raise NotFound."""
    programs = programs_here(settings)
    agent = SystemAgent.objects.filter(instance_name=name).first()
    process = _process_of(agent, programs) if agent else None
    if agent is None:
        process = _program(settings, name, programs)
        agent = _agent_of(process) if process else None
    told, following = _process(process) if process else None, _next_of(process)
    if told is not None and agent is None and process is not None:
        told["reports"] = _unheard(process)
    if agent is not None and process is None:
        told, following = _without_process(settings, agent, programs)
    if agent is None and process is None:
        newest = SystemAgent.objects.order_by("-id").values_list("instance_name", flat=True)
        known = [*newest[:_KNOWN], *programs]
        raise NotFound(
            f"there is no agent {name!r}; {did_you_mean(name, known)}", "list_agents lists all."
        )
    return AgentDetail(
        agent=agent_item(agent, True) if agent else None,
        process=told,
        current_work=_current_work(agent) if agent else [],
        last_message=_last_message(agent) if agent else None,
        recent_errors=_recent_errors(agent) if agent else [],
        last_lines=process.last_lines(_LINES).splitlines() if process else [],
        next=following,
    )


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


def _unheard(process: Process) -> str:
    """Return since when a program has sent no heartbeat, and which agent it was before."""
    role = role_of_program(process.name)
    kind = role.agent_type if role else process.name.removesuffix("-agent").replace("-", "_")
    here = SystemAgent.objects.filter(hostname=socket.gethostname())
    before = here.filter(agent_type=kind).order_by("-last_heartbeat").first()
    if not process.up:
        return f"does not run; it last was {before.instance_name}" if before else "never reported"
    said = f"has not reported since its process started {process.uptime:.0f} s ago"
    return f"{said}; before it {before.instance_name}" if before else said


def _process(process: Process) -> Item:
    return given(
        program=process.name,
        state=process.state,
        pid=process.pid or None,
        uptime_seconds=round(process.uptime),
        description=process.description,
    )


def _next_of(process: Process | None) -> str:
    if process is not None and not process.up:
        return f'start_agents(agents=["{process.name}"]) starts it.'
    return _LOOK


def _without_process(
    settings: Settings, agent: SystemAgent, programs: dict[str, Process]
) -> tuple[Item, str]:
    """Return why an agent has no process in this host's supervisord, and what to do next."""
    here = socket.gethostname()
    if agent.hostname != here:
        where = agent.hostname or "a host that it did not name"
        return {"state": "unknown", "description": f"on another host: {where}, not {here}"}, _LOOK
    if not agent.pid:
        return {"state": "unknown", "description": "it told no process id"}, _LOOK
    if 0 < agent.pid < _PIDS and process_exists(agent.pid):
        alone = "not under this host's supervisord"
        return {"state": "alive", "pid": agent.pid, "description": alone}, _LOOK
    gone = {"state": "gone", "pid": agent.pid}
    program = _program(settings, agent.agent_type, programs)
    if program is None:
        return gone, f"{_LOOK} No program of this host runs agents of its type now."
    gone["its_program"] = _process(program)
    if program.up:
        return gone, f'get_agent(name="{program.name}"): its program runs as another process.'
    return gone, _next_of(program)


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
