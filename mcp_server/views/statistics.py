"""The statistics an assistant sees: of one run, or of everything since a moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from mcp_server.answers.results import Result
from mcp_server.answers.time_range import check_time_range
from mcp_server.views.runs import counted, no_run
from mcp_server.views.worker_verdict import verdict_line
from monitor.executions.control import find
from monitor.records.models import (
    Namespace,
    Run,
    RunState,
    StfFile,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.progress import is_finished, processing_finished, progress_of
from monitor.records.statistics import run_statistics
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import InvalidRequest, NotFound
from swf_common_lib.text import instant, rounded

_DAY = timedelta(days=1)


class Statistics(Result):
    """Statistics of one run, or of everything since a moment."""

    run_number: int | None = None
    execution_id: str | None = None
    run: dict[str, Any] | None = None
    """Of one run; each figure has its unit in its name, seconds are simulated."""
    verdict: str | None = None
    """Whether its workers keep up, in a line."""
    next: str | None = None
    since: str | None = None
    namespace: str | None = None
    executions: dict[str, int] | None = None
    runs: int | None = None
    messages: dict[str, int] | None = None
    stf_files: int | None = None
    slices: dict[str, int] | None = None
    wall_seconds: float | None = None


def statistics(execution_id: str, run_number: int | None, since: str, namespace: str) -> Statistics:
    """Return the statistics of a run, of an execution's run, or of everything since a moment.

    Raises NotFound for what does not exist, InvalidRequest for arguments that exclude each other.
    """
    if execution_id or run_number is not None:
        if since or namespace:
            raise InvalidRequest(
                "since and namespace are for the numbers of many runs; a run is named beside them",
                "Give a run or an execution, or since and namespace.",
            )
        return _of_run(execution_id, run_number)
    return _overall(since, namespace)


def _of_run(execution_id: str, run_number: int | None) -> Statistics:
    if execution_id:
        execution = find(execution_id)
        if execution.run_number is None:
            raise _no_run_of(execution)
        if run_number not in (None, execution.run_number):
            raise InvalidRequest(
                f"run {run_number} is not that of {execution_id}, which is {execution.run_number}",
                "Give one of the two.",
            )
        run_number = execution.run_number
    if run_number is None or not RunState.objects.filter(run_number=run_number).exists():
        raise no_run(run_number)
    told = run_statistics(run_number)
    idle = told.keeps_up is not None and not told.slices.created
    return Statistics(
        run_number=run_number,
        execution_id=told.execution_id or None,
        run=told.as_dict(),
        verdict=verdict_line(told.verdict),
        next="diagnose_execution" if idle else None,
    )


def _no_run_of(execution: WorkflowExecution) -> NotFound:
    """Return the error for an execution without a run: it has none yet, or never will."""
    name = execution.execution_id
    progress = progress_of([execution])[name]
    if is_finished(execution) and processing_finished(execution, progress) is None:
        return NotFound(
            f"{name} is {execution.status}: it ended before its run was announced",
            "get_workflow_execution says how.",
        )
    return NotFound(
        f"{name} is {execution.status} and has no run yet",
        "wait_for_workflow; diagnose_execution says what it waits for.",
    )


def _overall(since: str, namespace: str) -> Statistics:
    begin = check_time_range({"since": since})["since"] if since else timezone.now() - _DAY
    only = {"namespace": namespace} if namespace else {}
    _require_namespace(namespace)
    executions = WorkflowExecution.objects.filter(created_at__gte=begin, **only)
    files = StfFile.objects.filter(created_at__gte=begin)
    slices = TFSlice.objects.filter(created_at__gte=begin)
    if namespace:
        runs = Run.objects.filter(**only).values("run_number")
        files = files.filter(run__namespace=namespace)
        slices = slices.filter(run_number__in=runs)
    messages = WorkflowMessage.objects.filter(sent_at__gte=begin, **only)
    return Statistics(
        since=instant(begin),
        namespace=namespace or None,
        executions=counted(executions, "status"),
        runs=Run.objects.filter(start_time__gte=begin, **only).count(),
        messages=counted(messages, "message_type"),
        stf_files=files.count(),
        slices=counted(slices, "status"),
        wall_seconds=_spent(executions),
    )


def _spent(executions: Any) -> float | None:
    ended = executions.exclude(end_time=None).exclude(start_time=None)
    times = ended.values_list("start_time", "end_time")
    return rounded(sum(((end - start).total_seconds() for start, end in times), 0.0))


def _require_namespace(name: str) -> None:
    """Raise NotFound for a namespace that was never used: all its statistics would be zero."""
    if not name or Namespace.objects.filter(name=name).exists():
        return
    if any(model.objects.filter(namespace=name).exists() for model in (WorkflowMessage, Run)):
        return
    known = Namespace.objects.values_list("name", flat=True)[:300]
    raise NotFound(f"there is no namespace {name!r}; {did_you_mean(name, known)}")
