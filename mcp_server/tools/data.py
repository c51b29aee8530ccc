"""Looking at runs, files and slices, and at numbers drawn from them."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Cursor, Format, Limit, Name, RunNumber, Since, Until
from mcp_server.answers.pages import ListResult, listed
from mcp_server.answers.results import answer
from mcp_server.answers.tool import TestbedTool, read_tool
from mcp_server.callers import ToolContext, application_of
from mcp_server.views.runs import (
    RunDetail,
    run_detail,
    run_items,
    slice_items,
    stf_items,
)
from mcp_server.views.statistics import Statistics, statistics
from monitor.records.queries.selections import RUNS, SLICES, STF_FILES


async def list_runs(
    context: ToolContext,
    execution_id: Name = "",
    namespace: Name = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Annotated[CallToolResult, ListResult]:
    """List runs with phase and counts, newest first. Next: get_run."""
    params = {
        "execution_id": execution_id,
        "namespace": namespace,
        "since": since,
        "until": until,
    }
    return await listed(application_of(context), RUNS, params, limit, cursor, run_items)


async def get_run(
    context: ToolContext,
    run_number: Annotated[int, Field(ge=1, le=2**63 - 1, examples=[100012])],
) -> Annotated[CallToolResult, RunDetail]:
    """Get a run: machine state, counts, workers, TF samples, statistics.

    Next: list_stf_files, list_tf_slices.
    """
    run = await application_of(context).database(run_detail, run_number)
    return answer(run, f"run {run_number} of {run.execution_id}: {run.state.get('phase')}")


async def list_stf_files(
    context: ToolContext,
    run_number: RunNumber = None,
    status: Annotated[Name, Field(examples=["registered,failed"])] = "",
    stf_filename: Name = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ListResult]:
    """List STF files, newest first. Next: list_tf_slices."""
    params = {"run_number": run_number, "status": status, "stf_filename": stf_filename}
    detailed = format == "detailed"
    return await listed(
        application_of(context),
        STF_FILES,
        params,
        limit,
        cursor,
        lambda rows: stf_items(rows, detailed),
    )


async def list_tf_slices(
    context: ToolContext,
    run_number: RunNumber = None,
    status: Annotated[Name, Field(examples=["queued,failed"])] = "",
    tf_filename: Name = "",
    stf_filename: Name = "",
    worker: Name = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002
) -> Annotated[CallToolResult, ListResult]:
    """List TF slices with worker, waiting and processing time, newest first. Next: get_statistics
    for sums.
    """
    params = {
        "run_number": run_number,
        "status": status,
        "tf_filename": tf_filename,
        "stf_filename": stf_filename,
        "assigned_worker": worker,
    }
    detailed = format == "detailed"
    return await listed(
        application_of(context),
        SLICES,
        params,
        limit,
        cursor,
        lambda rows: slice_items(rows, detailed),
    )


async def get_statistics(
    context: ToolContext,
    execution_id: Annotated[str, Field(max_length=250)] = "",
    run_number: RunNumber = None,
    since: Since = "",
    namespace: Name = "",
) -> Annotated[CallToolResult, Statistics]:
    """Get a run's numbers: slices, waiting, backlog, keeps_up, workers_to_keep_up; without a run
    those of all since (a day). Next: diagnose_execution.
    """
    found = await application_of(context).database(
        statistics, execution_id, run_number, since, namespace
    )
    if found.run is None:
        count = sum((found.executions or {}).values())
        where = f" in namespace {namespace}" if namespace else ""
        return answer(found, f"since {found.since}{where}: {count} executions")
    return answer(found, f"run {found.run_number}: {found.verdict}")


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        read_tool(list_runs, "List runs"),
        read_tool(get_run, "Get a run"),
        read_tool(list_stf_files, "List STF files"),
        read_tool(list_tf_slices, "List TF slices"),
        read_tool(get_statistics, "Get statistics"),
    ]
