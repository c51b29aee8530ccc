"""Looking at agents, starting and stopping them."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Cursor, Format, Limit, Name, Since
from mcp_server.answers.pages import ListResult, listed
from mcp_server.answers.results import Result, answer
from mcp_server.answers.tool import TestbedTool, read_tool, write_tool
from mcp_server.callers import ToolContext, application_of, caller_of
from mcp_server.views.agents import AgentDetail, agent_detail, agent_items
from monitor.executions.agents import AgentsOnHost
from monitor.executions.requesters import Requester
from monitor.health.listed_agents import agents_listed
from monitor.health.liveness import Liveness
from swf_common_lib.roles import DATA, RUNNER
from swf_common_lib.text import given

Agents = Annotated[
    list[Annotated[str, Field(max_length=100)]],
    Field(max_length=20, examples=[[DATA.agent_type, RUNNER.program]]),
]


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
    liveness: Name = "",
    namespace: Name = "",
    gone: Annotated[bool, Field(description="Also ended or replaced.")] = False,
    since: Since = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ListResult]:
    """List agents, runners and workers with liveness (alive, late, silent, exited) and state.

    Next: get_agent.
    """
    wanted = f"{liveness},{operational_state}".casefold().split(",")
    gone = gone or Liveness.EXITED.value in (word.strip() for word in wanted)
    params = {
        "agent_type": agent_type,
        "operational_state": operational_state,
        "liveness": liveness,
        "namespace": namespace,
        "since": since,
        "gone": "true" if gone else "",
    }
    detailed = format == "detailed"
    return await listed(
        application_of(context),
        agents_listed(gone=gone, parts=bool(agent_type)),
        params,
        limit,
        cursor,
        lambda rows: agent_items(rows, detailed),
    )


async def get_agent(
    context: ToolContext,
    name: Annotated[str, Field(min_length=1, max_length=100, examples=[f"{DATA.program}-maria-1"])],
) -> Annotated[CallToolResult, AgentDetail]:
    """Get an agent by name or program: what is wrong, state, process, work, errors, output.

    Next: as its `next` says.
    """
    application = application_of(context)
    found, line = await application.database(agent_detail, application.settings, name)
    return answer(found, line)


async def start_agents(
    context: ToolContext,
    agents: Agents = [],  # noqa: B006 - pydantic copies it
) -> Annotated[CallToolResult, AgentsStarted]:
    """Start agents and runner on this host (none named: all that testbed.toml enables).

    Answers when they listen. Next: start_workflow.
    """
    application = application_of(context)
    started = await application.processes(_start, _here(context), agents)
    return answer(started, f"listening: {', '.join(p['program'] for p in started.started)}")


async def stop_agents(
    context: ToolContext,
    agents: Agents = [],  # noqa: B006
) -> Annotated[CallToolResult, AgentsStopped]:
    """Stop agents on this host (none named: all); a runner ends its executions in order first.

    Next: start_agents.
    """
    application = application_of(context)
    stopped = await application.processes(_stop, _here(context), agents)
    return answer(stopped, f"stopped: {', '.join(stopped.stopped) or 'none ran'}")


def _start(agents: AgentsOnHost, names: list[str]) -> AgentsStarted:
    processes, note = agents.start(names)
    return AgentsStarted(
        note=note or None,
        started=[
            given(program=p.name, state=p.state, pid=p.pid, uptime_seconds=round(p.uptime))
            for p in processes
        ],
        next="start_workflow",
    )


def _stop(agents: AgentsOnHost, names: list[str]) -> AgentsStopped:
    stopped, note = agents.stop(names)
    return AgentsStopped(stopped=stopped, note=note or None)


def _here(context: ToolContext) -> AgentsOnHost:
    """Return this host's agents, in the name of the caller."""
    application = application_of(context)
    asked = Requester(caller_of(context).name, "mcp")
    return AgentsOnHost(application.settings, asked, application.ending)


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        read_tool(list_agents, "List agents"),
        read_tool(get_agent, "Get an agent"),
        write_tool(start_agents, "Start agents", destructive=False, idempotent=True),
        write_tool(stop_agents, "Stop agents", destructive=True, idempotent=True),
    ]
