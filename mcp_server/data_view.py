"""What an assistant sees of runs, files and slices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.forms.models import model_to_dict
from django.utils import timezone

from mcp_server.results import Result, given, instant, rounded
from monitor.executions.control import find
from monitor.records.filtering import read_time
from monitor.records.models import (
    Run,
    RunState,
    StfFile,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import InvalidRequest, NotFound

Item = dict[str, Any]

_DAY = timedelta(days=1)
_SLICE_TIMES = ("created_tick", "started_tick", "finished_tick")


class RunDetail(Result):
    """A run as a whole."""

    run_number: int
    execution_id: str | None = None
    namespace: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    dataset: str | None = None
    state: Item
    statistics: Item | None = None
    conditions: Item = {}
    next: str


class Statistics(Result):
    """Numbers of one run, or of all that happened in a while."""

    run_number: int | None = None
    execution_id: str | None = None
    run: Item | None = None
    """Of one run; rates are slices a simulated second."""
    since: str | None = None
    executions: dict[str, int] | None = None
    runs: int | None = None
    messages: dict[str, int] | None = None
    stf_files: int | None = None
    slices: dict[str, int] | None = None
    wall_seconds: float | None = None


def run_items(runs: Sequence[Run]) -> list[Item]:
    """Give runs as a list shows them."""
    states = RunState.objects.in_bulk([run.run_number for run in runs])
    return [_run_item(run, states.get(run.run_number)) for run in runs]


def run_detail(run_number: int) -> RunDetail:
    """Give all of a run; raises NotFound that names the newest."""
    run = Run.objects.filter(run_number=run_number).first()
    if run is None:
        raise _no_run(run_number)
    state = RunState.objects.filter(run_number=run_number).first()
    told = run_statistics(run_number).as_dict() if state else None
    return RunDetail(
        run_number=run_number,
        execution_id=run.execution_id or None,
        namespace=run.namespace or None,
        start_time=instant(run.start_time),
        end_time=instant(run.end_time),
        dataset=run.dataset or None,
        state=_state(state) if state else {},
        statistics=told,
        conditions=run.run_conditions if isinstance(run.run_conditions, dict) else {},
        next="list_stf_files, list_tf_slices, list_messages with run_id.",
    )


def stf_items(files: Sequence[StfFile], detailed: bool) -> list[Item]:
    """Give STF files as a list shows them."""
    return [_stf_item(file, detailed) for file in files]


def slice_items(slices: Sequence[TFSlice], detailed: bool) -> list[Item]:
    """Give TF slices as a list shows them; ticks are simulated seconds."""
    return [_slice_item(one, detailed) for one in slices]


def statistics(execution_id: str, run_number: int | None, since: str) -> Statistics:
    """Give the numbers of a run, of an execution's run, or of all since a moment."""
    if execution_id:
        execution = find(execution_id)
        if execution.run_number is None:
            raise NotFound(
                f"{execution_id} is {execution.status} and has no run yet",
                "wait_for_workflow; diagnose_execution says what it waits for.",
            )
        if run_number not in (None, execution.run_number):
            raise InvalidRequest(
                f"run {run_number} is not that of {execution_id}, which is {execution.run_number}",
                "Give one of the two.",
            )
        run_number = execution.run_number
    if run_number is None:
        return _overall(since)
    if not RunState.objects.filter(run_number=run_number).exists():
        raise _no_run(run_number)
    told = run_statistics(run_number)
    return Statistics(
        run_number=run_number, execution_id=told.execution_id or None, run=told.as_dict()
    )


def _overall(since: str) -> Statistics:
    try:
        begin = read_time(since) if since else timezone.now() - _DAY
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"since={since}: {error}") from error
    executions = WorkflowExecution.objects.filter(created_at__gte=begin)
    ended = executions.exclude(end_time=None).exclude(start_time=None)
    spent = sum(
        ((row[1] - row[0]).total_seconds() for row in ended.values_list("start_time", "end_time")),
        0.0,
    )
    return Statistics(
        since=instant(begin),
        executions=_counted(executions, "status"),
        runs=Run.objects.filter(start_time__gte=begin).count(),
        messages=_counted(WorkflowMessage.objects.filter(sent_at__gte=begin), "message_type"),
        stf_files=StfFile.objects.filter(created_at__gte=begin).count(),
        slices=_counted(TFSlice.objects.filter(created_at__gte=begin), "status"),
        wall_seconds=rounded(spent),
    )


def _counted(rows: Any, column: str) -> dict[str, int]:
    counts = rows.order_by().values_list(column).annotate(count=Count("pk"))
    return dict(sorted(counts, key=lambda pair: -pair[1])[:40])


def _run_item(run: Run, state: RunState | None) -> Item:
    return given(
        run_number=run.run_number,
        execution_id=run.execution_id,
        namespace=run.namespace,
        start_time=instant(run.start_time),
        wall_s=_span(run.start_time, run.end_time),
        phase=state.phase if state else None,
        stf_files=state.stf_files_generated if state else None,
        slices=state.slices_created if state else None,
        slices_done=state.slices_completed if state else None,
    )


def _stf_item(file: StfFile, detailed: bool) -> Item:
    item = given(
        stf_filename=file.stf_filename,
        status=file.status,
        run_number=file.run.run_number,
        size_bytes=file.file_size_bytes,
        tf_count=file.tf_count,
    )
    if not detailed:
        return item
    samples = [s.tf_filename for s in file.samples.all()[:20]]
    return item | given(
        file_id=str(file.file_id),
        sequence=file.sequence,
        checksum=file.checksum,
        machine_state=file.machine_state,
        created_at=instant(file.created_at, "milliseconds"),
        tf_samples=samples,
        metadata=file.metadata,
    )


def _slice_item(one: TFSlice, detailed: bool) -> Item:
    item = given(
        tf_filename=one.tf_filename,
        slice_id=one.slice_id,
        status=one.status,
        worker=one.assigned_worker,
        waited_s=_ticks(one.created_tick, one.started_tick),
        took_s=_ticks(one.started_tick, one.finished_tick),
        retries=one.retries or None,
        error=one.error[:120],
    )
    if not detailed:
        return item
    return item | given(
        id=one.pk,
        run_number=one.run_number,
        stf_filename=one.stf_filename,
        tf_first=one.tf_first,
        tf_last=one.tf_last,
        tf_count=one.tf_count,
        **{name: getattr(one, name) for name in _SLICE_TIMES},
        processing_start_at=instant(one.processing_start_at, "milliseconds"),
        processed_at=instant(one.processed_at, "milliseconds"),
        error=one.error,
        metadata=one.metadata,
    )


def _state(state: RunState) -> Item:
    shown = model_to_dict(state, exclude=["metadata", "execution_id", "run_number"])
    shown["state_changed_at"] = instant(state.state_changed_at)
    return {name: value for name, value in shown.items() if value is not None}


def _span(begin: datetime, end: datetime | None) -> float | None:
    return None if end is None else rounded((end - begin).total_seconds())


def _ticks(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(end - begin, 3)


def _no_run(run_number: int) -> NotFound:
    newest = Run.objects.order_by("-run_number").values_list("run_number", flat=True)[:3]
    known = ", ".join(str(number) for number in newest)
    return NotFound(
        f"there is no run {run_number}",
        f"The newest are {known}; list_runs lists all." if known else "There are no runs yet.",
    )
