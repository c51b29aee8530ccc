"""Executions as tasks: `run_workflow` starts one, the database keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max
from mcp.server.context import CallNext, HandlerResult
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST, CallToolRequestParams, CallToolResult

from mcp_server.answers.arguments import text_problem
from mcp_server.answers.error_text import bounded
from mcp_server.answers.results import answer
from mcp_server.application import Application
from mcp_server.callers import caller_with
from mcp_server.tasks.task import RequestContext, Task, TaskStatus, TaskSupport
from mcp_server.views.control import execution_state
from monitor.executions import request_change
from monitor.executions.control import find
from monitor.records.models import SystemStateEvent, WorkflowExecution
from monitor.records.states import TERMINAL, ExecutionStatus
from swf_common_lib.errors import Conflict, NotFound, TestbedError
from swf_common_lib.states import TokenScope

_STATUS: Mapping[str, TaskStatus] = {
    ExecutionStatus.COMPLETED: "completed",
    ExecutionStatus.FAILED: "completed",  # the call worked; its result says what failed
    ExecutionStatus.TERMINATED: "cancelled",
}


class ExecutionTasks:
    """Tasks whose id is that of their execution: they outlive this server and its clients."""

    tools: Mapping[str, TaskSupport] = {"run_workflow": "optional"}

    def __init__(self, application: Application, *, why_not_cancel: str = "") -> None:
        """``why_not_cancel``: why this server cancels nothing; empty where it may cancel."""
        self._application = application
        self._why_not_cancel = why_not_cancel

    async def begin(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> Task | HandlerResult:
        """Start the execution; a start that is refused is answered at once."""
        result = await call_next(ctx)
        if not isinstance(result, CallToolResult) or result.is_error:
            return result
        execution_id = (result.structured_content or {}).get("execution_id")
        if not isinstance(execution_id, str):
            return result
        return await self.find(execution_id, ctx) or result

    async def find(self, task_id: str, ctx: RequestContext) -> Task | None:
        """Return an execution as a task; None for an unknown id."""
        if text_problem(task_id):
            return None
        try:
            return await self._application.database(_task, task_id)
        except NotFound:
            return None
        except TestbedError as error:
            raise MCPError(INVALID_REQUEST, bounded(str(error))) from error

    async def answer(self, task_id: str, responses: Mapping[str, Any], ctx: RequestContext) -> None:
        """Ignore answers: an execution never asks for input."""

    async def cancel(self, task_id: str, ctx: RequestContext) -> None:
        """Stop the execution; the task is cancelled once its runner has obeyed."""
        caller = caller_with(ctx.request)
        if self._why_not_cancel:
            raise MCPError(
                INVALID_REQUEST, f"run_workflow is not offered here: {self._why_not_cancel}"
            )
        if not caller.may(TokenScope.OPERATE):
            raise MCPError(
                INVALID_REQUEST, f"tasks/cancel needs a token with scope '{TokenScope.OPERATE}'"
            )
        try:
            await self._application.database(_stop, task_id, caller.name)
        except TestbedError as error:
            raise MCPError(INVALID_REQUEST, bounded(str(error))) from error


def _task(execution_id: str) -> Task:
    execution = find(execution_id)
    status = _STATUS.get(execution.status, "working")
    state, line = execution_state(execution_id, include_processing=False)
    result = None
    if status == "completed":
        given = answer(state, line)
        given.is_error = execution.status == ExecutionStatus.FAILED
        result = given.model_dump(mode="json", by_alias=True, exclude_none=True)
    return Task(
        task_id=execution_id,
        status=status,
        created_at=execution.created_at,
        updated_at=_changed_at(execution),
        message=line[:500],
        result=result,
    )


def _changed_at(execution: WorkflowExecution) -> datetime:
    events = SystemStateEvent.objects.filter(execution_id=execution.execution_id)
    newest: datetime | None = events.aggregate(newest=Max("created_at"))["newest"]
    return max(newest or execution.created_at, execution.created_at)


def _stop(execution_id: str, user: str) -> None:
    if find(execution_id).status in TERMINAL:
        return
    try:
        request_change(execution_id, "stop", actor=user, via="mcp", reason="the task was cancelled")
    except Conflict:
        return  # it ended at this very moment
