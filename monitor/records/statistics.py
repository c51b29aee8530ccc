"""Statistics of a run: counts, waiting times, and whether the workers keep up."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import (
    Avg,
    Count,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
)

from monitor.records.database.cache import cached_for_large_run
from monitor.records.models import (
    FastMonFile,
    RunState,
    StfFile,
    TFSlice,
    Worker,
    WorkflowExecution,
)
from monitor.records.states import FileStatus, SliceStatus
from swf_common_lib.config import FastProcessing, fast_processing
from swf_common_lib.errors import NotFound

_ROUNDING = 1e-9
"""Tolerance for rounding errors of rates: without it 7.5 * 30 might give one worker too many."""
_DIGITS = 7
"""Significant digits that are shown: ticks are sums of fractions, and 7.499999999 means 7.5."""


@dataclass(frozen=True)
class Duration:
    """Simulated seconds over all slices that reached that point; None before the first one."""

    mean: float | None
    max: float | None


@dataclass(frozen=True)
class StfCounts:
    """Super time frames of a run."""

    generated: int
    registered: int
    processed: int
    failed: int
    total: int | None
    """As announced at the run's end; None before that."""


@dataclass(frozen=True)
class SliceCounts:
    """Slices of a run by status."""

    created: int
    queued: int
    processing: int
    completed: int
    failed: int
    retries: int


@dataclass(frozen=True)
class WorkerCounts:
    """Workers of a run."""

    target: int
    seen: int
    active: int
    busy_seconds: float
    """Simulated seconds that all workers together spent on slices."""


@dataclass(frozen=True)
class RunStatistics:
    """Statistics of a run. Rates are in slices per simulated second; unknown values are None."""

    run_number: int
    execution_id: str
    phase: str
    stf_files: StfCounts
    samples: int
    slices: SliceCounts
    workers: WorkerCounts
    waiting_seconds: Duration
    """From the time when a slice's STF was written to the start of its processing."""
    processing_seconds: Duration
    nominal_slice_rate: float | None
    """Rate at which data taking makes slices, as configured: slices per sample / STF interval."""
    measured_slice_rate: float | None
    """Slices that data taking made, divided by the time that it took."""
    capacity: float | None
    """Rate at which all configured workers together can process slices."""
    backlog: int
    """Unfinished slices at the end of data taking; before that, when its last slice was made."""
    backlog_growth: float | None
    """Rate of slices minus capacity of the workers, as configured; 0 when the workers keep up."""
    measured_backlog_growth: float | None
    """The backlog divided by the time that data taking took."""
    workers_to_keep_up: int | None
    keeps_up: bool | None
    """Whether the configured workers, when all are ready, process slices as fast as they are
    made."""
    note: str = ""
    """Why the measured backlog differs from that verdict; empty where it does not."""

    def as_dict(self) -> dict[str, Any]:
        """Return all fields in a form that JSON can hold."""
        told = asdict(self)
        if not self.note:
            del told["note"]
        return told


def run_statistics(run_number: int) -> RunStatistics:
    """Return the statistics of a run; those of a large run may be up to 10 s old.

    Raises NotFound for a run that has no state.
    """
    state = RunState.objects.filter(run_number=run_number).first()
    if state is None:
        raise NotFound(
            f"there is no run {run_number}", "The runs that there are: GET /api/run-states/."
        )
    return cached_for_large_run(
        "statistics", run_number, state.phase, state.slices_created, lambda: _gathered(state)
    )


def _gathered(state: RunState) -> RunStatistics:
    run_number = state.run_number
    fast = _configuration(state.execution_id)
    slices = TFSlice.objects.filter(run_number=run_number)
    times = _times(slices)
    end = state.end_tick if state.end_tick is not None else times["last_created"]
    backlog = _backlog(slices, end)
    span = _span(times["first_created"], end, fast)
    rate = _ratio(fast.slices_per_sample, fast.stf_interval) if fast else None
    capacity = _ratio(fast.target_worker_count, fast.slice_processing_time) if fast else None
    keeps_up = None if rate is None or capacity is None else capacity >= rate - _ROUNDING
    counts = _slice_counts(times)
    return RunStatistics(
        run_number=run_number,
        execution_id=state.execution_id,
        phase=state.phase,
        stf_files=_stf_counts(state),
        samples=FastMonFile.objects.filter(stf_file__run__run_number=run_number).count(),
        slices=counts,
        workers=worker_counts(state),
        waiting_seconds=_duration(times["waiting_mean"], times["waiting_max"]),
        processing_seconds=_duration(times["processing_mean"], times["processing_max"]),
        nominal_slice_rate=_shown(rate),
        measured_slice_rate=_shown(_ratio(counts.created, span)),
        capacity=_shown(capacity),
        backlog=backlog,
        backlog_growth=_shown(
            None if rate is None or capacity is None else max(0.0, rate - capacity)
        ),
        measured_backlog_growth=_shown(_ratio(backlog, span)),
        workers_to_keep_up=_workers_to_keep_up(rate, fast),
        keeps_up=keeps_up,
        note=(
            _too_short(fast, backlog, counts.created, span)
            if fast and keeps_up and state.end_tick is not None
            else ""
        ),
    )


def _too_short(fast: FastProcessing, backlog: int, created: int, span: float) -> str:
    """Return why data taking was too short to show that the workers keep up; or empty."""
    if not backlog or span >= fast.worker_rampup_time + fast.slice_processing_time:
        return ""
    text = f"in this run {backlog} of {created} slices were unfinished when data taking ended: "
    if fast.worker_rampup_time:
        return (
            f"{text}workers take {fast.worker_rampup_time:g} s to come up, data taking lasted "
            f"{span:g} s; worker_rampup_time=0 shows them at work at once"
        )
    return (
        f"{text}a slice takes {fast.slice_processing_time:g} s, data taking lasted {span:g} s; "
        "a longer run shows them keep up"
    )


def _configuration(execution_id: str) -> FastProcessing | None:
    executions = WorkflowExecution.objects.filter(execution_id=execution_id)
    parameters = executions.values_list("parameter_values", flat=True).first()
    return fast_processing(parameters) if isinstance(parameters, dict) else None


def _times(slices: QuerySet[TFSlice]) -> dict[str, Any]:
    waiting = ExpressionWrapper(F("started_tick") - F("created_tick"), FloatField())
    processing = ExpressionWrapper(F("finished_tick") - F("started_tick"), FloatField())
    by_status = {status: Count("id", filter=Q(status=status)) for status in SliceStatus.values}
    return slices.aggregate(
        created=Count("id"),
        retries=Sum("retries"),
        waiting_mean=Avg(waiting),
        waiting_max=Max(waiting),
        processing_mean=Avg(processing),
        processing_max=Max(processing),
        first_created=Min("created_tick"),
        last_created=Max("created_tick"),
        **{f"status_{name}": count for name, count in by_status.items()},
    )


def _slice_counts(times: dict[str, Any]) -> SliceCounts:
    return SliceCounts(
        created=times["created"],
        queued=times["status_queued"],
        processing=times["status_processing"],
        completed=times["status_completed"],
        failed=times["status_failed"],
        retries=times["retries"] or 0,
    )


def _backlog(slices: QuerySet[TFSlice], tick: float | None) -> int:
    """Return how many slices were made and not finished at a simulated time."""
    unfinished = Q(status__in=(SliceStatus.QUEUED, SliceStatus.PROCESSING))
    if tick is None:
        return int(slices.filter(unfinished).count())
    made = Q(created_tick=None) | Q(created_tick__lte=tick)
    return int(slices.filter(made & (unfinished | Q(finished_tick__gt=tick))).count())


def _span(first: float | None, end: float | None, fast: FastProcessing | None) -> float:
    """Return the simulated seconds from the first STF to the end of data taking."""
    if first is None or end is None:
        return 0.0
    # A single STF counts as one interval.
    return max(end - first, fast.stf_interval if fast else 0.0)


def _stf_counts(state: RunState) -> StfCounts:
    files = StfFile.objects.filter(run__run_number=state.run_number)
    done = (FileStatus.PROCESSED, FileStatus.DONE)
    counts = files.aggregate(
        registered=Count("file_id"),
        processed=Count("file_id", filter=Q(status__in=done)),
        failed=Count("file_id", filter=Q(status=FileStatus.FAILED)),
    )
    return StfCounts(generated=state.stf_files_generated, total=state.total_stf_files, **counts)


def worker_counts(state: RunState) -> WorkerCounts:
    """Count the workers of a run."""
    workers = Worker.objects.filter(run_number=state.run_number)
    counts = workers.aggregate(seen=Count("worker_id"), busy=Sum("busy_seconds"))
    return WorkerCounts(
        target=state.target_worker_count,
        seen=counts["seen"],
        active=state.active_worker_count,
        busy_seconds=_shown(counts["busy"]) or 0.0,
    )


def _workers_to_keep_up(rate: float | None, fast: FastProcessing | None) -> int | None:
    if rate is None or fast is None:
        return None
    return math.ceil(rate * fast.slice_processing_time - _ROUNDING)


def _duration(mean: float | None, longest: float | None) -> Duration:
    return Duration(_shown(mean), _shown(longest))


def _shown(value: float | None) -> float | None:
    """Return a value rounded to the digits that are shown."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")


def _ratio(amount: float, over: float) -> float | None:
    return amount / over if over > 0 else None
