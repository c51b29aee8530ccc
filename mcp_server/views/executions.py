"""What an assistant sees of an execution."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Q

from mcp_server.answers.results import Result
from mcp_server.answers.truncation import size_of
from monitor.executions.control import find
from monitor.records.models import SystemStateEvent, WorkflowExecution
from monitor.records.progress import Progress, is_finished, processing_finished, progress_of
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import NotFound
from swf_common_lib.states import ExecutionStatus
from swf_common_lib.text import given, instant, rounded, short

_HISTORY = 50
_BYTES_OF_AN_ITEM = 190
"""On average, in a concise list: the reasons of failures share what other fields leave over."""
_LONGEST_REASON = 120
UNPROCESSED = (
    "diagnose_execution; or wait_for_workflow with include_processing while the counts change."
)
"""What to do next when an execution has ended and agents still process its run."""

Item = dict[str, Any]


class ExecutionDetail(Result):
    """An execution as a whole."""

    execution_id: str
    status: str
    status_reason: str | None = None
    error: str | None = None
    finished: bool
    processing_finished: bool | None = None
    """Whether agents and workers have finished its run; None when it has no run."""
    workflow: str = ""
    config: str | None = None
    version: str | None = None
    namespace: str = ""
    executed_by: str = ""
    created_at: str = ""
    start_time: str | None = None
    end_time: str | None = None
    wall_seconds: float | None = None
    runner: str | None = None
    run_number: int | None = None
    progress: dict[str, Any]
    statistics: dict[str, Any] | None = None
    performance: dict[str, Any] | None = None
    options: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    parameters: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    source: dict[str, Any] | None = None
    stack_trace: str | None = None
    next: str


def execution_items(
    rows: Sequence[WorkflowExecution], detailed: bool, known: Collection[str] = ()
) -> list[Item]:
    """Return executions as items of a list, without fields that the filters ``known`` fix."""
    progress = progress_of(rows)
    items = [_item(row, progress[row.execution_id], detailed) for row in rows]
    if not detailed:
        if "namespace" in known:
            for item in items:
                item.pop("namespace", None)
        _add_reasons(items, rows)
    return items


def execution_detail(execution_id: str, detailed: bool) -> ExecutionDetail:
    """Return everything about one execution; raise NotFound for an unknown id."""
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
        execution_id=execution.execution_id,
        status=execution.status,
        status_reason=execution.status_reason or None,
        error=execution.error_message or None,
        finished=is_finished(execution),
        processing_finished=processing_finished(execution, progress),
        workflow=execution.workflow_name,
        config=execution.section("workflow").get("config"),
        version=execution.workflow_definition.version,
        namespace=execution.namespace,
        executed_by=execution.executed_by,
        created_at=instant(execution.created_at) or "",
        start_time=instant(execution.start_time),
        end_time=instant(execution.end_time),
        wall_seconds=rounded(execution.duration_seconds, 3),
        runner=execution.runner or None,
        run_number=execution.run_number,
        progress=progress_view(progress),
        statistics=statistics_of(execution.run_number),
        performance=_performance(execution),
        options=execution.options,
        history=_history(execution_id),
        next=_next(execution, progress),
        **more,
    )


def progress_view(progress: Progress) -> Item:
    """Return the counts of an execution so far."""
    state = progress.state
    return given(phase=state.phase if state else None, **progress.as_dict())


def progress_line(execution: WorkflowExecution, progress: Progress) -> str:
    """Return one line on how far an execution is."""
    text = f"{execution.execution_id} is {execution.status}"
    if execution.status_reason:
        text += f" ({short(execution.status_reason, 200)})"
    return f"{text}: {counts_line(progress)}"


def counts_line(progress: Progress) -> str:
    """Return the counts in a line; what failed or is missing stands beside what is done."""
    asked = "" if progress.stfs_requested is None else f" of {progress.stfs_requested}"
    parts = [f"{progress.stfs_announced}{asked} STFs"]
    if progress.stfs_registered != progress.stfs_announced:
        parts.append(f"{progress.stfs_registered} registered")
    if progress.slices_made:
        parts.append(f"{progress.slices_done} of {progress.slices_made} slices done")
    if progress.slices_failed:
        parts.append(f"{progress.slices_failed} failed")
    if progress.slices_unfinished:
        parts.append(f"{progress.slices_unfinished} unfinished")
    return ", ".join(parts)


def statistics_of(run_number: int | None) -> Item | None:
    """Return the statistics of a run; None before anything of it was recorded."""
    if run_number is None:
        return None
    try:
        return run_statistics(run_number).as_dict()
    except NotFound:
        return None


def _item(row: WorkflowExecution, progress: Progress, detailed: bool) -> Item:
    item = given(
        execution_id=row.execution_id,
        status=row.status,
        namespace=row.namespace,
        run_number=row.run_number,
        created_at=instant(row.created_at),
        wall_seconds=rounded(row.duration_seconds),
        stf_files=progress.stfs_announced,
        stf_files_requested=_missed(row, progress),
        slices_failed=progress.slices_failed or None,
    )
    if not detailed:
        return item
    return {
        **item,
        **given(
            status_reason=row.status_reason,
            error=row.error_message,
            workflow=row.workflow_name,
            config=row.section("workflow").get("config"),
            version=row.workflow_definition.version,
            executed_by=row.executed_by,
            start_time=instant(row.start_time),
            end_time=instant(row.end_time),
            runner=row.runner,
            progress=progress_view(progress),
        ),
    }


def _missed(row: WorkflowExecution, progress: Progress) -> int | None:
    """Return how many STFs were asked for, of a run that is over and has made others than these."""
    if progress.state is None or not is_finished(row):
        return None
    return None if progress.stfs_requested == progress.stfs_announced else progress.stfs_requested


def _add_reasons(items: list[Item], rows: Sequence[WorkflowExecution]) -> None:
    """Add why executions failed or were terminated, as far as a concise list has room for it."""
    reasons = {
        number: row.error_message or row.status_reason
        for number, row in enumerate(rows)
        if row.error_message or (row.status_reason and is_finished(row))
    }
    if not reasons:
        return
    room = _BYTES_OF_AN_ITEM * max(len(items), 10) - size_of(items)
    length = min(_LONGEST_REASON, room // len(reasons) - len(',"why":""'))
    if length >= len("error ..."):
        for number, reason in reasons.items():
            items[number]["why"] = short(reason, length)


def _performance(execution: WorkflowExecution) -> Item | None:
    """Return what the runner measured, without the slices, which are in the statistics."""
    metrics = execution.performance_metrics
    return {name: value for name, value in metrics.items() if name != "slices"} or None


def _history(execution_id: str) -> list[Item]:
    own = Q(event_type__startswith="execution_") | Q(event_type__endswith="_requested")
    rows = SystemStateEvent.objects.filter(own, execution_id=execution_id)
    return [
        given(
            at=instant(row.timestamp, "milliseconds"),
            event=row.event_type.removeprefix("execution_"),
            actor=row.actor,
            via=row.via,
            carried_out_by=row.event_data.get("carried_out_by"),
            reason=row.event_data.get("reason"),
        )
        for row in reversed(list(rows.order_by("-id")[:_HISTORY]))
    ]


def _next(execution: WorkflowExecution, progress: Progress) -> str:
    if execution.status == ExecutionStatus.PENDING:
        return "wait_for_workflow; diagnose_execution says what it waits for."
    if execution.status == ExecutionStatus.PAUSED:
        return "resume_workflow or stop_workflow."
    if execution.status == ExecutionStatus.FAILED:
        return "diagnose_execution names the cause; format=detailed has the stack trace."
    if not is_finished(execution):
        return "wait_for_workflow, or list_messages for what was said."
    if processing_finished(execution, progress) is False:
        return UNPROCESSED
    if execution.run_number is None and execution.status == ExecutionStatus.TERMINATED:
        return "It ended before its run was announced: diagnose_execution, list_logs."
    return "get_statistics for its run, list_messages for what was said."
