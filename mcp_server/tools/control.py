"""Starting, stopping, pausing, resuming and waiting."""

from __future__ import annotations

import time
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import (
    Config,
    ExecutionId,
    IdempotencyKey,
    Overrides,
    Reason,
    Workflow,
)
from mcp_server.answers.results import answer
from mcp_server.answers.tool import TestbedTool, read_tool, write_tool
from mcp_server.callers import Caller, ToolContext, application_of, caller_of
from mcp_server.tasks import wants_task
from mcp_server.views.control import (
    ChangeResult,
    StartResult,
    WaitResult,
    change,
    execution_state,
    reached,
    started,
    with_prospects,
)
from monitor.executions import StartRequest
from swf_common_lib.errors import Unavailable

_LOOK_EVERY = 0.2
"""Seconds between two reads of an execution that is waited for."""
_LOOK_SOON = 0.05
"""Seconds between two reads of an execution whose runner has just got a command."""
_REACTION = 10.0
"""Seconds that a stop, pause or resume waits for the runner to act."""
_TELL_EVERY = 5.0
"""Seconds between two reports while nothing changes: clients give up a silent call."""


async def start_workflow(
    context: ToolContext,
    workflow: Workflow = "",
    config: Config = "",
    namespace: Annotated[str, Field(max_length=100, description="Empty: the default.")] = "",
    stf_count: Annotated[
        int | None, Field(ge=1, description="STFs of each physics period.", examples=[10])
    ] = None,
    physics_period_count: Annotated[
        int | None, Field(ge=0, description="0: until stopped.")
    ] = None,
    physics_period_duration: Annotated[
        float | None, Field(ge=0, description="Simulated s, without stf_count.")
    ] = None,
    stf_interval: Annotated[float | None, Field(gt=0, description="Simulated s.")] = None,
    duration: Annotated[float, Field(ge=0, description="Simulated s at most; 0: no limit.")] = 0,
    realtime: Annotated[bool | None, Field(description="false: as fast as possible.")] = None,
    speed: Annotated[float | None, Field(ge=0, description="Simulated s per wall s.")] = None,
    parameters: Overrides = None,
    idempotency_key: IdempotencyKey = "",
) -> Annotated[CallToolResult, StartResult]:
    """Start a workflow; answers at once with its execution_id.

    Everything is checked first; a refusal lists all faults. Only agents of the same namespace take
    part. Next: wait_for_workflow.
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
    application = application_of(context)
    result = await application.database(started, request)
    try:
        result = await application.database(with_prospects, result)
    except Unavailable as error:
        note = f"It was started; whether anybody takes it is not known: {error.detail}"
        result = result.model_copy(update={"note": note})
    waits = f", waiting for {result.waiting_for}" if result.waiting_for else ""
    note = f"; {result.note}" if result.note else ""
    return answer(result, f"{result.execution_id} is {result.status}{waits}{note}")


async def stop_workflow(
    context: ToolContext, execution_id: ExecutionId, reason: Reason = ""
) -> Annotated[CallToolResult, ChangeResult]:
    """Stop an execution for good, in order: it broadcasts end_run. Returns the status reached.

    Next: get_workflow_execution.
    """
    return await _changed(context, execution_id, "stop", reason)


async def pause_workflow(
    context: ToolContext, execution_id: ExecutionId, reason: Reason = ""
) -> Annotated[CallToolResult, ChangeResult]:
    """Pause a running execution: the DAQ goes into standby. Next: resume_workflow."""
    return await _changed(context, execution_id, "pause", reason)


async def resume_workflow(
    context: ToolContext, execution_id: ExecutionId, reason: Reason = ""
) -> Annotated[CallToolResult, ChangeResult]:
    """Resume a paused execution where it stopped. Next: wait_for_workflow."""
    return await _changed(context, execution_id, "resume", reason)


async def wait_for_workflow(
    context: ToolContext,
    execution_id: ExecutionId,
    timeout_s: Annotated[float, Field(ge=0, le=60)] = 30,
    include_processing: Annotated[
        bool, Field(description="Also until agents and workers are done with its run.")
    ] = False,
) -> Annotated[CallToolResult, WaitResult]:
    """Wait until an execution ends or the time is over, with progress notifications.

    Next: again while finished is false and counts change, else diagnose_execution.
    """
    return await waited(context, execution_id, timeout_s, include_processing)


async def run_workflow(
    context: ToolContext,
    workflow: Workflow = "",
    config: Config = "",
    namespace: Annotated[str, Field(max_length=100)] = "",
    parameters: Overrides = None,
    speed: Annotated[float, Field(ge=0, description="As start_workflow; 0: fastest.")] = 0,
    timeout_s: Annotated[float, Field(ge=0, le=600)] = 60,
    include_processing: bool = True,
    idempotency_key: IdempotencyKey = "",
) -> Annotated[CallToolResult, WaitResult]:
    """Start a workflow and follow it to its end in one call.

    A task for clients that know tasks; else it waits timeout_s. Next: wait_for_workflow if not
    finished, get_workflow_execution.
    """
    request = StartRequest(
        workflow=workflow or None,
        config=config or None,
        namespace=namespace,
        parameters=parameters or {},
        speed=speed,
        executed_by=caller_of(context).name,
        through="mcp",
        idempotency_key=idempotency_key or None,
    )
    begun = await application_of(context).database(started, request)
    wait = 0.0 if wants_task(context.request_context) else timeout_s
    try:
        return await waited(context, begun.execution_id, wait, include_processing, begun.note or "")
    except Unavailable as error:
        note = f"It was started, and cannot be followed now: {error.detail}"
        return answer(
            WaitResult(
                execution_id=begun.execution_id,
                status=begun.status,
                finished=False,
                progress={},
                note=note,
            ),
            f"{begun.execution_id}: {note}",
        )


async def waited(
    context: ToolContext,
    execution_id: str,
    timeout_s: float,
    include_processing: bool,
    note: str = "",
) -> CallToolResult:
    """Wait for an execution, reporting its progress, and return its state then.

    ``note`` stands before the notes of that state.
    """
    application = application_of(context)
    begin = time.monotonic()
    told, told_at = "", 0.0
    while True:
        state, line = await application.database(execution_state, execution_id, include_processing)
        passed = time.monotonic() - begin
        # Where no agents work in its namespace, waiting for them is in vain.
        idle = bool(state.next and state.note)
        if state.finished or idle or passed >= timeout_s or application.stopping:
            notes = "; ".join(text for text in (note, state.note) if text)
            update = {"waited_seconds": round(passed, 2), "note": notes or None}
            return answer(state.model_copy(update=update), "; ".join(filter(None, (line, notes))))
        if line != told or passed - told_at >= _TELL_EVERY:
            await context.report_progress(passed, timeout_s, line)
            told, told_at = line, passed
        await application.pause(min(_LOOK_EVERY, timeout_s - passed))


async def _changed(
    context: ToolContext, execution_id: str, action: str, reason: str
) -> CallToolResult:
    """Request a change, and return the state that it led to within 10 seconds."""
    application = application_of(context)
    caller: Caller = caller_of(context)
    deadline = time.monotonic() + _REACTION
    result = await application.database(change, execution_id, action, caller.name, reason)
    while not result.done and time.monotonic() < deadline and not application.stopping:
        try:
            result = await application.database(reached, result, action)
        except Unavailable as error:
            note = f"The {action} was asked for; what came of it is not known: {error.detail}"
            result = result.model_copy(update={"note": note})
            break
        if not result.done:
            await application.pause(_LOOK_SOON)
    asked = "" if result.done else ": asked for"
    note = f"; {result.note}" if result.note else ""
    return answer(result, f"{execution_id} is {result.status}{asked}{note}")


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        write_tool(start_workflow, "Start a workflow", destructive=False, idempotent=False),
        write_tool(stop_workflow, "Stop an execution", destructive=True, idempotent=True),
        write_tool(pause_workflow, "Pause an execution", destructive=False, idempotent=True),
        write_tool(resume_workflow, "Resume an execution", destructive=False, idempotent=True),
        read_tool(wait_for_workflow, "Wait for an execution"),
        write_tool(run_workflow, "Run a workflow", destructive=False, idempotent=False),
    ]
