"""Whether the testbed is well."""

from __future__ import annotations

from typing import Annotated, Any

from mcp_types import CallToolResult

from mcp_server.callers import ToolContext, application_of
from mcp_server.results import Result, answer
from mcp_server.tool import TestbedTool, read_tool
from monitor.records.status import system_status

_OF_AGENTS = ("instance_name", "agent_type", "namespace", "operational_state", "alive")
_OF_EXECUTIONS = (
    "execution_id",
    "status",
    "status_reason",
    "workflow_name",
    "namespace",
    "run_number",
    "waiting_for",
    "start_time",
    "end_time",
)
"""What is shown of each; list_agents and list_workflow_executions show more."""


class Problem(Result):
    """Something that is wrong."""

    severity: str
    what: str
    where: str
    next: str


class SystemStatus(Result):
    """State of the testbed as a whole."""

    services: dict[str, dict[str, Any]]
    agents: list[dict[str, Any]]
    executions: list[dict[str, Any]]
    problems: list[Problem]


async def get_system_status(context: ToolContext) -> Annotated[CallToolResult, SystemStatus]:
    """Get the health of broker, database, ingest, runners and agents, what runs, and problems.

    Each problem says what is wrong, where, and what to do next. Call it first, and whenever
    something does not go on. Next: as the problems say.
    """
    status = await application_of(context).database(read_status)
    if not status.problems:
        return answer(status, "all is well")
    first = status.problems[0]
    count = len(status.problems)
    others = f" ({count - 1} more)" if count > 1 else ""
    return answer(status, f"{first.severity}: {first.what}{others}")


def read_status() -> SystemStatus:
    """Give the state of the testbed."""
    found = system_status()
    return SystemStatus(
        services=found["services"],
        agents=[_part(agent, _OF_AGENTS) for agent in found["agents"]],
        executions=[_part(execution, _OF_EXECUTIONS) for execution in found["executions"]],
        problems=[Problem(**problem) for problem in found["problems"]],
    )


def _part(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names if row.get(name) not in (None, "")}


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [read_tool(get_system_status, "Get the system's status")]
