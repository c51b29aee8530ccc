"""Looking at executions."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Cursor, ExecutionId, Format, Limit, Name, Since, Until
from mcp_server.answers.pages import ListResult, listed
from mcp_server.answers.results import answer
from mcp_server.answers.tool import TestbedTool, read_tool
from mcp_server.callers import ToolContext, application_of
from mcp_server.views.comparison import Comparison, compare
from mcp_server.views.diagnosis import DiagnosisView, diagnosis_of
from mcp_server.views.executions import ExecutionDetail, execution_detail, execution_items
from monitor.records.queries.selections import EXECUTIONS
from swf_common_lib.text import short


async def list_workflow_executions(
    context: ToolContext,
    workflow_name: Name = "",
    status: Annotated[Name, Field(examples=["running,paused"])] = "",
    namespace: Name = "",
    executed_by: Name = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ListResult]:
    """List what runs and what ran, newest first. Next: get_workflow_execution."""
    params = {
        "workflow_name": workflow_name,
        "status": status,
        "namespace": namespace,
        "executed_by": executed_by,
        "since": since,
        "until": until,
    }
    detailed = format == "detailed"
    known = {name for name, value in params.items() if value and "," not in value}
    return await listed(
        application_of(context),
        EXECUTIONS,
        params,
        limit,
        cursor,
        lambda rows: execution_items(rows, detailed, known),
    )


async def get_workflow_execution(
    context: ToolContext,
    execution_id: ExecutionId,
    format: Format = "concise",  # noqa: A002
) -> Annotated[CallToolResult, ExecutionDetail]:
    """Get status, progress, slice statistics (do the workers keep up?), history, error of one.

    detailed adds configuration, environment, source, stack trace. Next: as its `next` says.
    """
    detail = await application_of(context).database(
        execution_detail, execution_id, format == "detailed"
    )
    summary = f"{detail.execution_id} is {detail.status}"
    if detail.error:
        summary += f": {short(detail.error, 200)}"
    return answer(detail, summary)


async def diagnose_execution(
    context: ToolContext, execution_id: ExecutionId
) -> Annotated[CallToolResult, DiagnosisView]:
    """Find out why an execution failed, waits, lags or hangs: causes, evidence, next steps.

    Next: as the findings say.
    """
    diagnosis, line = await diagnosis_of(application_of(context), execution_id)
    return answer(diagnosis, line)


async def compare_executions(
    context: ToolContext, a: ExecutionId, b: ExecutionId
) -> Annotated[CallToolResult, Comparison]:
    """Show what differs between two executions: configuration, source, counts, timings, outcome.

    Next: get_workflow_execution for all of one.
    """
    found = await application_of(context).database(compare, a, b)
    return answer(found, found.summary)


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        read_tool(list_workflow_executions, "List executions"),
        read_tool(get_workflow_execution, "Get an execution"),
        read_tool(diagnose_execution, "Diagnose an execution"),
        read_tool(compare_executions, "Compare two executions"),
    ]
