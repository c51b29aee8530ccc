"""Looking at agents, starting and stopping them."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.agent_view import AgentDetail, agent_detail, agent_items
from mcp_server.arguments import Cursor, Format, Limit, Name, Since
from mcp_server.callers import ToolContext, application_of, caller_of
from mcp_server.listing import ListResult, listed
from mcp_server.results import Result, answer, given
from mcp_server.tool import TestbedTool, read_tool, write_tool
from monitor.records.filters import AGENTS
from monitor.records.transitions import record_event
from orchestrator.agents import chosen_programs
from orchestrator.agents import start_agents as start_programs
from orchestrator.agents import stop_agents as stop_programs
from orchestrator.supervisor import GivenUp
from swf_common_lib.errors import TestbedError
from swf_common_lib.settings import Settings

Agents = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(max_length=20, examples=[["data", "workflow-runner"]]),
]


class AgentsStarted(Result):
    """Programs that run and listen now."""

    started: list[dict[str, Any]]
    next: str


class AgentsStopped(Result):
    """Programs that ran and do no longer."""

    stopped: list[str]
    note: str | None = None


async def list_agents(
    context: ToolContext,
    agent_type: Annotated[Name, Field(examples=["data"])] = "",
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
    name: Annotated[str, Field(min_length=1, max_length=100, examples=["data-agent-maria-1"])],
) -> Annotated[CallToolResult, AgentDetail]:
    """Get an agent: state, process, current work, recent errors, last lines. Name or program.

    Next: as its `next` says.
    """
    application = application_of(context)
    found = await application.database(agent_detail, application.settings, name)
    state = found.agent["operational_state"] if found.agent else "never reported"
    process = f", process {found.process['state']}" if found.process else ""
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
    chosen_programs(settings, names)  # a wrong name starts nothing, and leaves no trace
    try:
        processes = start_programs(settings, names, ending)
    except TestbedError as error:
        _note("agents_start_failed", user, f"{_called(names)}: {error.detail}")
        raise
    _note("agents_started", user, ", ".join(process.name for process in processes))
    return AgentsStarted(
        started=[
            given(program=p.name, state=p.state, pid=p.pid, uptime_s=round(p.uptime))
            for p in processes
        ],
        next="start_workflow",
    )


def _stop(
    settings: Settings, user: str, names: list[str], ending: threading.Event
) -> AgentsStopped:
    try:
        stopped = stop_programs(settings, names, ending)
    except GivenUp as error:  # it was told to stop them, and does
        _note("agents_stop_failed", user, f"{_called(names)}: {error.detail}")
        raise
    if stopped:
        _note("agents_stopped", user, ", ".join(stopped))
    note = None if stopped else f"None of {_called(names)} ran; nothing was changed."
    return AgentsStopped(stopped=stopped, note=note)


def _called(names: list[str]) -> str:
    return ", ".join(names) or "all that are enabled"


def _note(event: str, user: str, what: str) -> None:
    record_event("", event, actor=user, via="mcp", reason=what)


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [
        read_tool(list_agents, "List agents"),
        read_tool(get_agent, "Get an agent"),
        write_tool(start_agents, "Start agents", destructive=False, idempotent=True),
        write_tool(stop_agents, "Stop agents", destructive=True, idempotent=True),
    ]
