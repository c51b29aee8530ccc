"""Whether the testbed is well."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult

from mcp_server.answers.results import answer
from mcp_server.answers.tool import TestbedTool, read_tool
from mcp_server.callers import ToolContext, application_of
from mcp_server.views.status import SystemStatus, current_status
from swf_common_lib.text import short


async def get_system_status(context: ToolContext) -> Annotated[CallToolResult, SystemStatus]:
    """Get health of services, runners, agents; what runs; problems and what to do about each.

    Call it first. Next: start_agents if none are up, start_workflow.
    """
    status = await current_status(application_of(context))
    if not status.problems:
        return answer(status, "all is well")
    first = status.problems[0]
    count = len(status.problems)
    others = f" ({count - 1} more)" if count > 1 else ""
    return answer(status, f"{first['severity']}: {short(first['what'], 300)}{others}")


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [read_tool(get_system_status, "System status")]
