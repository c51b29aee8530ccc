"""Looking at executions."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.arguments import (
    Cursor,
    ExecutionId,
    Format,
    Limit,
    NamespaceFilter,
    Since,
    Until,
)
from mcp_server.callers import ToolContext, application_of
from mcp_server.execution_view import (
    ExecutionDetail,
    ExecutionItem,
    execution_detail,
    execution_items,
)
from mcp_server.listing import ListResult, read_rows
from mcp_server.results import answer
from mcp_server.tool import TestbedTool, read_tool
from monitor.records.filters import EXECUTIONS


class ExecutionList(ListResult):
    """Executions, newest first."""

    items: list[ExecutionItem]


async def list_workflow_executions(
    context: ToolContext,
    workflow_name: Annotated[
        str, Field(max_length=200, description="Only this workflow.", examples=["stf_datataking"])
    ] = "",
    status: Annotated[
        str,
        Field(
            max_length=100,
            description="pending, running, paused, completed, failed, terminated; comma-separated.",
            examples=["running,paused"],
        ),
    ] = "",
    namespace: NamespaceFilter = "",
    executed_by: Annotated[
        str, Field(max_length=100, description="Only this user's.", examples=["maria"])
    ] = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ExecutionList]:
    """List executions of workflows, newest first: what runs and what ran.

    Next: get_workflow_execution for one of them.
    """
    params = {
        "workflow_name": workflow_name,
        "status": status,
        "namespace": namespace,
        "executed_by": executed_by,
        "since": since,
        "until": until,
    }
    rows = await application_of(context).database(
        read_rows,
        EXECUTIONS,
        params,
        limit,
        cursor,
        lambda found: execution_items(found, format == "detailed"),
    )
    result = ExecutionList(**vars(rows))
    return answer(result, rows.summary("executions"))


async def get_workflow_execution(
    context: ToolContext,
    execution_id: ExecutionId,
    format: Format = "concise",  # noqa: A002
) -> Annotated[CallToolResult, ExecutionDetail]:
    """Look at one execution: status, progress, slice statistics and backlog, history, last error.

    detailed adds the full configuration, environment, source and stack trace. Next: as `next` says.
    """
    detail = await application_of(context).database(
        execution_detail, execution_id, format == "detailed"
    )
    summary = f"{detail.execution_id} is {detail.status}"
    if detail.error:
        summary += f": {detail.error.splitlines()[0]:.200}"
    return answer(detail, summary)


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [
        read_tool(list_workflow_executions, "List workflow executions"),
        read_tool(get_workflow_execution, "Get a workflow execution"),
    ]
