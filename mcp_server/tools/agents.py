"""Looking at agents, starting and stopping them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from django.db import Error as DatabaseFailure
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Cursor, Format, Limit, Name, Since
from mcp_server.answers.pages import ListResult, listed
from mcp_server.answers.results import Result, answer
from mcp_server.answers.tool import TestbedTool, read_tool, write_tool
from mcp_server.callers import ToolContext, application_of, caller_of
from mcp_server.views.agents import AgentDetail, agent_detail, agent_items, programs_here
from monitor.records.queries.selections import AGENTS
from monitor.records.transitions import record_event
from orchestrator.agent_history import event_data
from orchestrator.agents import chosen_programs, running_programs
from orchestrator.agents import start_agents as start_programs
from orchestrator.agents import stop_agents as stop_programs
from orchestrator.supervisord.process import Process
from swf_common_lib.errors import TestbedError
from swf_common_lib.roles import DATA, RUNNER
from swf_common_lib.settings import Settings
from swf_common_lib.states import AgentsEvent
from swf_common_lib.text import given

Agents = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(max_length=20, examples=[[DATA.agent_type, RUNNER.program]]),
]

logger = logging.getLogger(__name__)


class AgentsStarted(Result):
    """The programs that were started and are listening now."""

    started: list[dict[str, Any]]
    note: str | None = None
    next: str


class AgentsStopped(Result):
    """The programs that were stopped."""

    stopped: list[str]
    note: str | None = None


async def list_agents(
    context: ToolContext,
    agent_type: Annotated[Name, Field(examples=[DATA.agent_type])] = "",
    operational_state: Annotated[Name, Field(examples=["READY,PROCESSING"])] = "",
    namespace: Name = "",
    since: Annotated[Since, Field(description="Of the last heartbeat; -1m: alive.")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ListResult]:
    """List agents, runners and workers with state and age of the last heartbeat.

    Next: get_agent.
    """
    params = {
        "agent_type": agent_type,
        "operational_state": operational_state,
        "namespace": namespace,
        "since": since,
    }
    detailed = format == "detailed"
    return await listed(
        application_of(context),
        AGENTS,
        params,
        limit,
        cursor,
        lambda rows: agent_items(rows, detailed),
    )


async def get_agent(
    context: ToolContext,
    name: Annotated[str, Field(min_length=1, max_length=100, examples=[f"{DATA.program}-maria-1"])],
) -> Annotated[CallToolResult, AgentDetail]:
    """Get an agent: state, process, current work, recent errors, last lines. Name or program.

    Next: as its `next` says.
    """
    application = application_of(context)
    found = await application.database(agent_detail, application.settings, name)
    told = found.process or {}
    unheard = told.get("reports", "never reported")
    state = found.agent["operational_state"] if found.agent else unheard
    process = f", process {told['state']}" if told else ""
    return answer(found, f"{name}: {state}{process}")


async def start_agents(
    context: ToolContext,
    agents: Agents = [],  # noqa: B006 - pydantic copies it
) -> Annotated[CallToolResult, AgentsStarted]:
    """Start agents and runner on this host (none named: all that testbed.toml enables).

    Answers when they listen. Next: start_workflow.
    """
    application = application_of(context)
    started = await application.processes(
        _start, application.settings, caller_of(context).name, agents, application.ending
    )
    return answer(started, f"listening: {', '.join(p['program'] for p in started.started)}")


async def stop_agents(
    context: ToolContext,
    agents: Agents = [],  # noqa: B006
) -> Annotated[CallToolResult, AgentsStopped]:
    """Stop agents on this host (none named: all); a runner ends its executions in order first.

    Next: start_agents.
    """
    application = application_of(context)
    stopped = await application.processes(
        _stop, application.settings, caller_of(context).name, agents, application.ending
    )
    return answer(stopped, f"stopped: {', '.join(stopped.stopped) or 'none ran'}")


def _start(
    settings: Settings, user: str, names: list[str], ending: threading.Event
) -> AgentsStarted:
    wanted = chosen_programs(settings, names)  # a wrong name fails before anything is recorded
    before = programs_here(settings)
    _note(AgentsEvent.START_REQUESTED, user, _called(names), wanted)
    try:
        processes = start_programs(settings, names, ending)
    except TestbedError as error:
        ended = _afresh(before, programs_here(settings))
        what = f"{_called(names)}: {error.detail}{ended}"
        _note_outcome(AgentsEvent.START_FAILED, user, what, wanted)
        raise
    afresh = _afresh(before, {process.name: process for process in processes})
    programs = [process.name for process in processes]
    what = f"{', '.join(programs)}{afresh}"
    unrecorded = _note_outcome(AgentsEvent.STARTED, user, what, programs)
    return AgentsStarted(
        note=f"{afresh}; {unrecorded}".strip("; ") or None,
        started=[
            given(program=p.name, state=p.state, pid=p.pid, uptime_seconds=round(p.uptime))
            for p in processes
        ],
        next="start_workflow",
    )


def _stop(
    settings: Settings, user: str, names: list[str], ending: threading.Event
) -> AgentsStopped:
    asked = running_programs(settings, names)
    if asked:
        _note(AgentsEvent.STOP_REQUESTED, user, ", ".join(asked), asked)
    try:
        stopped = stop_programs(settings, names, ending)
    except TestbedError as error:
        if asked:
            what = f"{', '.join(asked)}: {error.detail}"
            _note_outcome(AgentsEvent.STOP_FAILED, user, what, asked)
        raise
    if not stopped:
        return AgentsStopped(stopped=[], note=f"None of {_called(names)} ran; nothing was changed.")
    unrecorded = _note_outcome(AgentsEvent.STOPPED, user, ", ".join(stopped), stopped)
    return AgentsStopped(stopped=stopped, note=unrecorded or None)


def _afresh(before: Mapping[str, Process], after: Mapping[str, Process]) -> str:
    """Return a note that names the programs that ran before and were replaced by a new process."""
    names = [
        name
        for name, was in before.items()
        if was.up and name in after and after[name].pid != was.pid
    ]
    return f"; stopped first, as they ran in another namespace: {', '.join(names)}" if names else ""


def _called(names: list[str]) -> str:
    return ", ".join(names) or "all that are enabled"


def _note(event: AgentsEvent, user: str, what: str, programs: Sequence[str]) -> None:
    data = event_data(programs, what)
    record_event("", event, actor=user, via="mcp", reason=what, data=data)


def _note_outcome(event: AgentsEvent, user: str, what: str, programs: Sequence[str]) -> str:
    """Record the outcome of an act; return a note instead of an error when the database fails.

    The act is done: the caller has to read its outcome, not an error of the database.
    """
    try:
        _note(event, user, what, programs)
    except DatabaseFailure as error:
        logger.exception("%s of %s is not in the history: %s", event, user, what)
        return f"the history lacks {event}, as the database failed: {error}"
    return ""


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        read_tool(list_agents, "List agents"),
        read_tool(get_agent, "Get an agent"),
        write_tool(start_agents, "Start agents", destructive=False, idempotent=True),
        write_tool(stop_agents, "Stop agents", destructive=True, idempotent=True),
    ]
