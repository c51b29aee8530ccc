"""Looking at log records and namespaces."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Cursor, Format, Limit, Name, Since, Until
from mcp_server.answers.pages import ListResult, listed
from mcp_server.answers.tool import TestbedTool, read_tool
from mcp_server.callers import ToolContext, application_of
from mcp_server.views.logs import log_items, namespace_items
from monitor.records.queries.selections import LOGS, NAMESPACES

_SINCE_OF_TEXTS = "-1d"


async def list_logs(
    context: ToolContext,
    level: Annotated[str, Field(max_length=20, description="At least.", examples=["ERROR"])] = "",
    source: Annotated[Name, Field(description="Agent or service.")] = "",
    execution_id: Name = "",
    text: Annotated[str, Field(max_length=200, description="Part of the message.")] = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ListResult]:
    """List log records of agents and services, newest first. Next: get_agent for who wrote it."""
    params = {
        "level": level,
        "instance_name": source,
        "execution_id": execution_id,
        "text": text,
        "since": since,
        "until": until,
    }
    # A text is looked for in each record: in all of a year that is minutes of the database's time.
    unbounded = text and not (since or until or execution_id)
    if unbounded:
        params["since"] = _SINCE_OF_TEXTS
    detailed = format == "detailed"
    return await listed(
        application_of(context),
        LOGS,
        params,
        limit,
        cursor,
        lambda rows: log_items(rows, detailed),
        note="Of the last day; give since for more." if unbounded else "",
    )


async def list_namespaces(
    context: ToolContext, owner: Name = "", limit: Limit = 20, cursor: Cursor = ""
) -> Annotated[CallToolResult, ListResult]:
    """List namespaces with owner and activity. Next: list_workflow_executions of one."""
    return await listed(
        application_of(context), NAMESPACES, {"owner": owner}, limit, cursor, namespace_items
    )


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [read_tool(list_logs, "List logs"), read_tool(list_namespaces, "List namespaces")]
