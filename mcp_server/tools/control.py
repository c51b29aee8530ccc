"""Starting, stopping, pausing, resuming and waiting."""

from __future__ import annotations

import time
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.arguments import ExecutionId, Reason
from mcp_server.callers import Caller, ToolContext, application_of, caller_of
from mcp_server.control_view import Change, Standing, Started, change, look, reached, started
from mcp_server.results import answer
from mcp_server.tool import TestbedTool, read_tool, write_tool
from monitor.executions import StartRequest

_LOOK_EVERY = 0.2
"""Seconds between two looks at an execution that is waited for."""
_LOOK_SOON = 0.05
"""Seconds between two looks at an execution whose runner was just told something."""
_REACTION = 10.0
"""Seconds that a stop, pause or resume waits for the runner to act."""


async def start_workflow(
    context: ToolContext,
    workflow: Annotated[
        str,
        Field(
            max_length=200,
            description="Name of the workflow; empty: the installation's default.",
            examples=["stf_datataking"],
        ),
    ] = "",
    config: Annotated[
        str,
        Field(
            max_length=200,
            description="Configuration, see list_workflow_definitions; empty: its default.",
            examples=["fast_processing_default"],
        ),
    ] = "",
    namespace: Annotated[
        str,
        Field(
            max_length=100,
            description="Empty: the installation's. Only agents of the same namespace take part.",
            examples=["torre1"],
        ),
    ] = "",
    stf_count: Annotated[
        int | None, Field(ge=1, description="STF files of each physics period.", examples=[10])
    ] = None,
    physics_period_count: Annotated[
        int | None, Field(ge=0, description="0: until stopped.", examples=[1])
    ] = None,
    physics_period_duration: Annotated[
        float | None, Field(ge=0, description="Simulated s, without stf_count.", examples=[180])
    ] = None,
    stf_interval: Annotated[
        float | None, Field(gt=0, description="Simulated s between STFs.", examples=[2])
    ] = None,
    duration: Annotated[
        float, Field(ge=0, description="Simulated s at most; 0: to its end.", examples=[120])
    ] = 0,
    realtime: Annotated[
        bool | None,
        Field(
            description="true: one simulated second a second; false: as fast as possible; "
            "unset: as the installation's default workflow says, else false.",
            examples=[False],
        ),
    ] = None,
    speed: Annotated[
        float | None,
        Field(
            ge=0,
            description="Simulated seconds a second, instead of realtime; 0: as fast as possible.",
            examples=[10],
        ),
    ] = None,
    parameters: Annotated[
        dict[str, Any] | None,
        Field(
            description="Further parameters by name or section.name.",
            examples=[{"target_worker_count": 60}],
        ),
    ] = None,
    idempotency_key: Annotated[
        str,
        Field(
            max_length=200,
            description="A start repeated with the same key gives the same execution.",
            examples=["night-scan-3"],
        ),
    ] = "",
) -> Annotated[CallToolResult, Started]:
    """Start a workflow and return at once with its execution_id.

    Everything is checked first; an error lists all faults. Next: wait_for_workflow.
    """
    named = {
        "stf_count": stf_count,
        "physics_period_count": physics_period_count,
        "physics_period_duration": physics_period_duration,
        "stf_interval": stf_interval,
    }
    overrides = {name: value for name, value in named.items() if value is not None}
    caller = caller_of(context)
    request = StartRequest(
        workflow=workflow or None,
        config=config or None,
        namespace=namespace,
        parameters={**(parameters or {}), **overrides},
        realtime=bool(realtime),
        speed=0.0 if realtime is False and speed is None else speed,
        duration=duration,
        executed_by=caller.name,
        through="mcp",
        idempotency_key=idempotency_key or None,
    )
    result = await application_of(context).database(started, request)
    waits = f", waiting for {result.waiting_for}" if result.waiting_for else ""
    return answer(result, f"{result.execution_id} is {result.status}{waits}")


async def stop_workflow(
    context: ToolContext, execution_id: ExecutionId, reason: Reason = ""
) -> Annotated[CallToolResult, Change]:
    """Stop an execution for good, in order: it broadcasts end_run and becomes terminated.

    Next: get_workflow_execution for what it did.
    """
    return await _changed(context, execution_id, "stop", reason)


async def pause_workflow(
    context: ToolContext, execution_id: ExecutionId, reason: Reason = ""
) -> Annotated[CallToolResult, Change]:
    """Pause a running execution: the DAQ goes into standby, nothing is lost.

    Next: resume_workflow.
    """
    return await _changed(context, execution_id, "pause", reason)


async def resume_workflow(
    context: ToolContext, execution_id: ExecutionId, reason: Reason = ""
) -> Annotated[CallToolResult, Change]:
    """Let a paused execution go on where it stood.

    Next: wait_for_workflow.
    """
    return await _changed(context, execution_id, "resume", reason)


async def wait_for_workflow(
    context: ToolContext,
    execution_id: ExecutionId,
    timeout_s: Annotated[
        float, Field(ge=0, le=60, description="Wall seconds to wait at most.", examples=[30])
    ] = 30,
    include_processing: Annotated[
        bool,
        Field(
            description="Wait also until agents and workers are done with its run.",
            examples=[True],
        ),
    ] = False,
) -> Annotated[CallToolResult, Standing]:
    """Wait until an execution ends, or the time is over; progress notifications on the way.

    Next: call again while finished is false; then get_workflow_execution.
    """
    application = application_of(context)
    begin = time.monotonic()
    told = ""
    while True:
        standing, line = await application.database(look, execution_id, include_processing)
        waited = time.monotonic() - begin
        if standing.finished or waited >= timeout_s or application.stopping:
            return answer(standing.model_copy(update={"waited_s": round(waited, 2)}), line)
        if line != told:
            await context.report_progress(waited, timeout_s, line)
            told = line
        await application.pause(min(_LOOK_EVERY, timeout_s - waited))


async def _changed(
    context: ToolContext, execution_id: str, action: str, reason: str
) -> CallToolResult:
    """Ask for a change, and give the state that it led to."""
    application = application_of(context)
    caller: Caller = caller_of(context)
    deadline = time.monotonic() + _REACTION
    result = await application.database(change, execution_id, action, caller.name, reason)
    while not result.done and time.monotonic() < deadline and not application.stopping:
        await application.pause(_LOOK_SOON)
        result = await application.database(reached, execution_id, action)
    return answer(
        result, f"{execution_id} is {result.status}{'' if result.done else ': asked for'}"
    )


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [
        write_tool(start_workflow, "Start a workflow", destructive=False, idempotent=False),
        write_tool(stop_workflow, "Stop an execution", destructive=True, idempotent=True),
        write_tool(pause_workflow, "Pause an execution", destructive=False, idempotent=True),
        write_tool(resume_workflow, "Resume an execution", destructive=False, idempotent=True),
        read_tool(wait_for_workflow, "Wait for an execution"),
    ]
