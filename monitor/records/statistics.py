"""Statistics of a run: counts, waiting times, and whether the workers keep up."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from django.db.models import Count, Q, Sum

from monitor.records.database.cache import cached_for_large_run
from monitor.records.models import FastMonFile, RunState, StfFile, Worker, WorkflowExecution
from monitor.records.slice_times import Balance, SliceTimes, balance_of, slice_times
from monitor.records.states import FileStatus
from swf_common_lib.errors import NotFound
from swf_common_lib.sizing import Sizing, sizing

_DIGITS = 7
"""Significant digits that are shown: ticks are sums of fractions, and 7.499999999 is 7.5."""
_UNPACED = 0
"""Speed of an execution that spends no wall time."""


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


class VerdictBasis(str, Enum):
    """What a verdict on workers goes by."""

    SCHEDULE = "schedule"
    """The configuration: not all slices that were made have begun, or none was made."""
    MEASURED = "measured"
    """How long the slices waited; data taking is over and all of them have begun."""


@dataclass(frozen=True)
class WorkerVerdict:
    """Whether the workers of a run keep up with its slices. Seconds are simulated."""

    target_workers: int
    workers_to_keep_up: int
    """By the schedule as executed, once all of them are ready."""
    nominal_workers: int
    """The documents' figure, which takes an STF to need its interval alone."""
    enough_workers: bool
    """Whether the configured workers keep up by the schedule, once all of them are ready."""
    slices_per_s: float
    """Slices that are made while data is taken, by the schedule as executed."""
    nominal_slices_per_s: float
    capacity_slices_per_s: float | None
    """Slices that the configured workers finish, once all are ready; None: any number."""
    slice_processing_s: float
    worker_rampup_s: float
    data_taking_s: float | None
    """From the first STF to the end of the last one's period; None before the first slice."""
    made_slices: int
    measured_slices: int
    """Slices whose waiting is known: they have begun, and needed one try."""
    late_slices: int
    """Those of them that were still waiting when the next STF came."""
    mean_wait_s: float | None
    max_wait_s: float | None
    backlog_slices: int
    """Slices made and unfinished at ``at_tick``."""
    backlog_growth_slices_per_s: float | None
    """Measured while data was taken: how fast slices that nobody worked on became more."""
    at_tick: float | None
    """Simulated second at which the backlog holds: the end of data taking, or its last STF."""
    over: bool
    """Data taking has ended."""
    basis: VerdictBasis
    keeps_up: bool
    """Measured, where it can be; before that, whether there are enough workers."""


@dataclass(frozen=True)
class RunStatistics:
    """A run in numbers; what cannot be told is None."""

    run_number: int
    execution_id: str
    phase: str
    stf_files: StfCounts
    samples: int
    slices: SliceCounts
    workers: WorkerCounts
    waiting_seconds: Duration
    """From a slice's STF to the begin of its processing, over slices of a single try."""
    processing_seconds: Duration
    measured_slices_per_s: float | None
    """Slices that data taking made in its time, standby included: n STFs take n periods."""
    backlog_slices: int
    at_tick: float | None
    over: bool
    verdict: WorkerVerdict | None
    """None where no fast processing was asked for."""

    @property
    def keeps_up(self) -> bool | None:
        """The verdict in a word; None where there is none."""
        return self.verdict.keeps_up if self.verdict else None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, the verdict's figures among them, in a form that JSON can carry."""
        told = asdict(self)
        verdict = told.pop("verdict") or dict.fromkeys(_OF_VERDICT)
        return {**verdict, **told}


_OF_VERDICT = tuple(field.name for field in fields(WorkerVerdict))


def run_statistics(run_number: int) -> RunStatistics:
    """Return the statistics of a run; a large one's may be some seconds old.

    Raises NotFound for a run that has no state.
    """
    state = RunState.objects.filter(run_number=run_number).first()
    if state is None:
        raise NotFound(
            f"there is no run {run_number}", "The runs that there are: GET /api/run-states/."
        )
    return _statistics(state)


def worker_verdict(state: RunState) -> WorkerVerdict | None:
    """Judge whether the workers of a run keep up; None where it has no fast processing."""
    return _statistics(state).verdict


def _statistics(state: RunState) -> RunStatistics:
    return cached_for_large_run(
        "statistics", state.run_number, state.phase, state.slices_created, lambda: _gathered(state)
    )


def _gathered(state: RunState) -> RunStatistics:
    parameters, paced = _configuration(state.execution_id)
    sized = sizing(parameters) if parameters is not None else None
    times = slice_times(state.run_number)
    period = sized.stf_period_s if sized else times.mean_gap(state.stf_files_generated)
    balance = balance_of(
        state.run_number,
        times,
        period,
        state.end_tick,
        paced=paced,
        workers=sized.workers if sized else None,
    )
    return RunStatistics(
        run_number=state.run_number,
        execution_id=state.execution_id,
        phase=state.phase,
        stf_files=_stf_counts(state),
        samples=FastMonFile.objects.filter(stf_file__run__run_number=state.run_number).count(),
        slices=_slice_counts(times),
        workers=worker_counts(state),
        waiting_seconds=_duration(times.waiting_mean, times.waiting_max),
        processing_seconds=_duration(times.processing_mean, times.processing_max),
        measured_slices_per_s=_shown(_ratio(times.dated, balance.data_taking_s)),
        backlog_slices=balance.backlog,
        at_tick=_shown(balance.at_tick),
        over=balance.over,
        verdict=_verdict(sized, times, balance) if sized else None,
    )


def _verdict(sized: Sizing, times: SliceTimes, balance: Balance) -> WorkerVerdict:
    measured = balance.settled and bool(balance.last_begun)
    kept_up = balance.last_late == 0 if sized.enough_workers else balance.late == 0
    return WorkerVerdict(
        target_workers=sized.workers,
        workers_to_keep_up=sized.workers_to_keep_up,
        nominal_workers=sized.nominal_workers,
        enough_workers=sized.enough_workers,
        slices_per_s=_rounded(sized.slices_per_s),
        nominal_slices_per_s=_rounded(sized.nominal_slices_per_s),
        capacity_slices_per_s=(
            _rounded(sized.capacity_slices_per_s)
            if math.isfinite(sized.capacity_slices_per_s)
            else None
        ),
        slice_processing_s=sized.slice_processing_s,
        worker_rampup_s=sized.worker_rampup_s,
        data_taking_s=_shown(balance.data_taking_s),
        made_slices=times.created,
        measured_slices=balance.measured,
        late_slices=balance.late,
        mean_wait_s=_shown(times.waiting_mean),
        max_wait_s=_shown(times.waiting_max),
        backlog_slices=balance.backlog,
        backlog_growth_slices_per_s=_shown(balance.growth_per_s),
        at_tick=_shown(balance.at_tick),
        over=balance.over,
        basis=VerdictBasis.MEASURED if measured else VerdictBasis.SCHEDULE,
        keeps_up=kept_up if measured else sized.enough_workers,
    )


def _configuration(execution_id: str) -> tuple[dict[str, Any] | None, bool]:
    """Return an execution's parameters, and whether its simulated time takes wall time."""
    rows = WorkflowExecution.objects.filter(execution_id=execution_id)
    parameters, options = rows.values_list("parameter_values", "options").first() or (None, None)
    speed = options.get("speed") if isinstance(options, dict) else None
    return parameters if isinstance(parameters, dict) else None, speed not in (None, _UNPACED)


def _slice_counts(times: SliceTimes) -> SliceCounts:
    return SliceCounts(
        created=times.created,
        queued=times.queued,
        processing=times.processing,
        completed=times.completed,
        failed=times.failed,
        retries=times.retries,
    )


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


def _duration(mean: float | None, longest: float | None) -> Duration:
    return Duration(_shown(mean), _shown(longest))


def _shown(value: float | None) -> float | None:
    """Round to the digits that are shown."""
    return None if value is None else _rounded(value)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _ratio(amount: float, over: float | None) -> float | None:
    return amount / over if over else None
