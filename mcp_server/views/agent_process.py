"""The process of an agent: as supervisord has it, or how it ended."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from monitor.health.liveness import SeenAgent
from monitor.records.models import SystemAgent
from orchestrator.agents import chosen_programs
from orchestrator.process_health import last_end_of
from orchestrator.supervisord.log import End
from orchestrator.supervisord.orphans import process_exists, process_is_stopped
from orchestrator.supervisord.process import Process
from swf_common_lib.errors import NotFound
from swf_common_lib.roles import role_of_program
from swf_common_lib.settings import Settings
from swf_common_lib.text import given, instant

_PIDS = 2**31
_LOOK = "list_logs with source for what it logged, list_messages with sender."

Item = dict[str, Any]


@dataclass(frozen=True)
class ProcessSeen:
    """What is known of an agent's process, and what to do next."""

    told: Item | None
    next: str
    process: Process | None = None
    """In this host's supervisord."""


def program_of(settings: Settings, name: str, programs: dict[str, Process]) -> Process | None:
    """Return the program that people mean by ``name``; None where there is none."""
    try:
        (program,) = chosen_programs(settings, [name])
    except NotFound:
        return None
    return programs.get(program)


def process_of_agent(
    settings: Settings, agent: SystemAgent, programs: dict[str, Process]
) -> ProcessSeen:
    """Return the process of an agent, or why it has none in this host's supervisord."""
    here = socket.gethostname()
    if agent.hostname != here:
        where = agent.hostname or "a host that it did not name"
        return ProcessSeen(_unknown(f"on another host: {where}, not {here}"), _LOOK)
    if not agent.pid:
        return ProcessSeen(_unknown("it told no process id"), _LOOK)
    process = next((p for p in programs.values() if p.pid == agent.pid), None)
    if process is not None:
        return ProcessSeen(_described(process), _next_of(process), process)
    if 0 < agent.pid < _PIDS and process_exists(agent.pid):
        alone = "not under this host's supervisord"
        return ProcessSeen({"state": "alive", "pid": agent.pid, "description": alone}, _LOOK)
    return _gone(settings, agent, programs)


def process_of_program(settings: Settings, process: Process) -> ProcessSeen:
    """Return the process of a program that no agent has reported from."""
    told = _described(process) | {"reports": _unheard(process)}
    told |= given(ended=end_of_program(settings, process))
    return ProcessSeen(told, _next_of(process), process)


def end_of_agent(agent: SeenAgent) -> Item | None:
    """Return since when an agent is no more and whether it said good-bye; None: it is there."""
    heard = instant(agent.row.last_heartbeat)
    if agent.exited:
        return given(how="stopped in order: it said good-bye", at=heard)
    if not agent.silent and not agent.replaced_by:
        return None
    said = "no good-bye: killed, frozen or cut off"
    return given(how=said, last_heard_at=heard, replaced_by=agent.replaced_by)


def end_of_program(settings: Settings, process: Process) -> Item | None:
    """Return when and how a program ended, by supervisord's log; None: it is up, or unknown."""
    end = None if process.up else last_end_of(settings, process.name)
    return None if end is None else _ended(end)


def _ended(end: End) -> Item:
    order = "stopped in order" if end.orderly else "died: nobody had told it to end"
    return given(how=f"{order} ({end.how})" if end.how else order, at=instant(end.at))


def _gone(settings: Settings, agent: SystemAgent, programs: dict[str, Process]) -> ProcessSeen:
    told: Item = {"state": "gone", "pid": agent.pid}
    program = program_of(settings, agent.agent_type, programs)
    if program is None:
        return ProcessSeen(told, f"{_LOOK} No program of this host runs agents of its type now.")
    told["its_program"] = _described(program) | given(ended=end_of_program(settings, program))
    if program.up:
        return ProcessSeen(told, f'get_agent(name="{program.name}"): its program runs anew.')
    return ProcessSeen(told, _next_of(program))


def _unknown(description: str) -> Item:
    return {"state": "unknown", "description": description}


def _described(process: Process) -> Item:
    frozen = process.up and process_is_stopped(process.pid)
    return given(
        program=process.name,
        state=process.state,
        frozen="stopped by a signal (SIGSTOP): it exists and does nothing" if frozen else None,
        pid=process.pid or None,
        uptime_seconds=round(process.uptime),
        description=None if process.up else process.description,
    )


def _next_of(process: Process) -> str:
    if not process.up:
        return f'start_agents(agents=["{process.name}"]) starts it.'
    return _LOOK


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
