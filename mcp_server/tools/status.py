"""Whether the testbed is well."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult

from mcp_server.answers.results import answer
from mcp_server.answers.tool import TestbedTool, read_tool
from mcp_server.callers import ToolContext, application_of
from mcp_server.views.status import SystemStatus, current_status


async def get_system_status(context: ToolContext) -> Annotated[CallToolResult, SystemStatus]:
    """Get health of services, runners, agents; what runs; what needs a hand and what to do.

    Call it first. Next: start_agents if none are up, start_workflow.
    """
    status, line = await current_status(application_of(context))
    return answer(status, line)


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [read_tool(get_system_status, "System status")]
