"""What an assistant sees of an execution."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from mcp_server.results import Result
from monitor.executions.control import find
from monitor.records.models import SystemStateEvent, WorkflowExecution
from monitor.records.progress import Progress, progress_of
from monitor.records.states import TERMINAL, RunPhase
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import NotFound


class ProgressView(Result):
    """How far an execution is."""

    phase: str | None = None
    stf_files: int
    stf_files_expected: int | None = None
    stf_files_processed: int
    tf_samples: int
    slices: int
    slices_finished: int
    slices_failed: int
    messages: int


class ExecutionItem(Result):
    """An execution in a list."""

    execution_id: str
    status: str
    status_reason: str | None = None
    workflow: str
    namespace: str
    executed_by: str
    created_at: datetime
    start_time: datetime | None = None
    end_time: datetime | None = None
    run_number: int | None = None
    stf_files: int
    error: str | None = None
    config: str | None = None
    version: str | None = None
    runner: str | None = None
    wall_seconds: float | None = None


class HistoryItem(Result):
    """One change of an execution's state."""

    at: datetime
    event: str
    actor: str
    via: str
    reason: str | None = None


class ExecutionDetail(ExecutionItem):
    """An execution as a whole."""

    finished: bool
    processing_finished: bool | None = None
    progress: ProgressView
    options: dict[str, Any]
    statistics: dict[str, Any] | None = None
    performance: dict[str, Any] | None = None
    history: list[HistoryItem]
    parameters: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    source: dict[str, Any] | None = None
    stack_trace: str | None = None
    next: str


def execution_items(rows: Sequence[WorkflowExecution], detailed: bool) -> list[ExecutionItem]:
    """Give executions as a list shows them."""
    progress = progress_of(rows)
    return [
        ExecutionItem(**_item(row, progress[row.execution_id], detailed=detailed)) for row in rows
    ]


def execution_detail(execution_id: str, detailed: bool) -> ExecutionDetail:
    """Give all of one execution; raises NotFound."""
    execution = find(execution_id)
    progress = progress_of([execution])[execution.execution_id]
    more: dict[str, Any] = {}
    if detailed:
        more = {
            "parameters": execution.parameter_values,
            "environment": execution.execution_environment or None,
            "source": {k: v for k, v in execution.source.items() if k != "text"} or None,
            "stack_trace": execution.stack_trace or None,
        }
    return ExecutionDetail(
        **_item(execution, progress, detailed=True),
        finished=is_finished(execution),
        processing_finished=processing_finished(progress),
        progress=progress_view(progress),
        options=execution.options,
        statistics=_statistics(execution),
        performance=_performance(execution),
        history=_history(execution_id),
        next=_next(execution, progress),
        **more,
    )


def is_finished(execution: WorkflowExecution) -> bool:
    """Say whether an execution is in a final status."""
    return execution.status in TERMINAL


def processing_finished(progress: Progress) -> bool | None:
    """Say whether agents and workers are done with the run; None when there is no run."""
    return None if progress.state is None else progress.state.phase == RunPhase.COMPLETED


def progress_view(progress: Progress) -> ProgressView:
    """Give the counts of an execution so far."""
    state = progress.state
    return ProgressView(
        phase=state.phase if state else None,
        stf_files=progress.stfs,
        stf_files_expected=progress.expected_stfs,
        stf_files_processed=state.stf_files_processed if state else 0,
        tf_samples=state.stf_samples_received if state else 0,
        slices=state.slices_created if state else 0,
        slices_finished=progress.slices_finished,
        slices_failed=state.slices_failed if state else 0,
        messages=progress.messages,
    )


def progress_line(execution: WorkflowExecution, progress: Progress) -> str:
    """Say in a line how far an execution is."""
    expected = f" of {progress.expected_stfs}" if progress.expected_stfs is not None else ""
    text = f"{execution.execution_id} is {execution.status}"
    if execution.status_reason:
        text += f" ({execution.status_reason})"
    text += f": {progress.stfs}{expected} STF files"
    if progress.state is not None and progress.state.slices_created:
        text += f", {progress.slices_finished} of {progress.state.slices_created} slices finished"
    return text


def _item(row: WorkflowExecution, progress: Progress, *, detailed: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "execution_id": row.execution_id,
        "status": row.status,
        "status_reason": row.status_reason or None,
        "workflow": row.workflow_name,
        "namespace": row.namespace,
        "executed_by": row.executed_by,
        "created_at": row.created_at,
        "start_time": row.start_time,
        "end_time": row.end_time,
        "run_number": row.run_number,
        "stf_files": progress.stfs,
        "error": row.error_message or None,
    }
    if detailed:
        item |= {
            "config": row.section("workflow").get("config"),
            "version": row.workflow_definition.version,
            "runner": row.runner or None,
            "wall_seconds": row.duration_seconds,
        }
    return item


def _statistics(execution: WorkflowExecution) -> dict[str, Any] | None:
    if execution.run_number is None:
        return None
    try:
        return run_statistics(execution.run_number).as_dict()
    except NotFound:
        return None  # the run has a number, but nothing of it was recorded yet


def _performance(execution: WorkflowExecution) -> dict[str, Any] | None:
    """Give what the runner measured; what it noted of the slices is in the statistics."""
    metrics = execution.performance_metrics
    return {name: value for name, value in metrics.items() if name != "slices"} or None


def _history(execution_id: str) -> list[HistoryItem]:
    own = Q(event_type__startswith="execution_") | Q(event_type__endswith="_requested")
    rows = SystemStateEvent.objects.filter(own, execution_id=execution_id)
    return [
        HistoryItem(
            at=row.timestamp,
            event=row.event_type.removeprefix("execution_"),
            actor=row.actor,
            via=row.via,
            reason=row.event_data.get("reason") or None,
        )
        for row in rows.order_by("id")[:50]
    ]


def _next(execution: WorkflowExecution, progress: Progress) -> str:
    if execution.status == "pending":
        return "wait_for_workflow; get_system_status tells whether a runner is alive."
    if execution.status == "paused":
        return "resume_workflow or stop_workflow."
    if not is_finished(execution):
        return "wait_for_workflow, or list_messages for what was said."
    if processing_finished(progress) is False:
        return "Agents still work on it: wait_for_workflow with include_processing."
    if execution.status == "failed":
        return "format=detailed has the stack trace; list_messages shows what came before."
    return "list_messages for what was said."
