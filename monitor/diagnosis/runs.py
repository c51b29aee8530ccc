"""Whether a run has what it should have: its STFs, its end, its slices, its workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from monitor.diagnosis.course import again, execution
from monitor.diagnosis.execution_look import ExecutionLook
from monitor.health.look import Look
from monitor.records.models import RunState, TFSlice
from monitor.records.states import ExecutionStatus, RunPhase, SliceStatus
from monitor.records.statistics import worker_verdict
from swf_common_lib.config import data_taking
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)
from swf_common_lib.sizing import requested_stfs, sizing
from swf_common_lib.text import short

CLOSED_WITHIN = timedelta(seconds=60)
"""After an execution's end its run is closed within a second or two, unless ingest is behind."""
MISSED_STFS = 5.0
"""STF periods without an STF after which the cadence has stopped."""
LEAST_SILENCE = timedelta(seconds=15)
"""The same at least, in wall time: a machine may be slow."""
ROUNDS = 10
"""Slices that wait for each worker, on average, from which workers are too few to be ignored."""
_LOOKED_BACK = 200
_DAQ_RUNS = (RunPhase.PHYSICS, RunPhase.IMMINENT, RunPhase.STANDBY)
_ERRORS_NAMED = 3


def run_findings(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    """Yield what is wrong with an execution's run."""
    yield from _stfs_missing(seen, look)
    if seen.state is None:
        return
    yield from _failed_slices(seen)
    yield from _not_closed(seen, look)
    yield from _gap(seen)
    yield from _cadence(seen, look)


def run_subject(seen: ExecutionLook) -> Subject:
    """Return the subject of a finding about an execution's run."""
    return Subject(SubjectKind.RUN, str(seen.state.run_number if seen.state else ""))


def runs_never_started(now: datetime) -> Iterator[Finding]:
    """Yield slices that no worker will ever take: their run was never announced."""
    waiting = RunState.objects.filter(phase=RunPhase.IMMINENT, slices_queued__gt=0)
    for state in waiting.order_by("-run_number")[:_LOOKED_BACK]:
        yield Finding(
            FindingCode.RUN_NOT_STARTED,
            Severity.WARNING,
            Subject(SubjectKind.RUN, str(state.run_number)),
            Remedy.ANNOUNCE_RUN,
            since=state.updated_at,
            evidence=evidence(slices_queued=(state.slices_queued, "slices")),
            target={"run_number": state.run_number},
        )


def _stfs_missing(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    """Yield an execution that came to its end with fewer STFs than it was asked for.

    The runner reports how many it made with the end, maybe before the first is recorded; who
    does not report it is given time for that.
    """
    if seen.execution.status != ExecutionStatus.COMPLETED:
        return  # one that was stopped or failed says so itself
    wanted = requested_stfs(seen.execution.parameter_values)
    reported = seen.execution.performance_metrics.get("stf_files")
    made = max(seen.count("stf_files_generated"), reported if isinstance(reported, int) else 0)
    if wanted is None or made >= wanted or seen.execution.options.get("duration"):
        return
    ended = seen.execution.end_time
    if not isinstance(reported, int) and (ended is None or look.now - ended < CLOSED_WITHIN):
        return
    yield Finding(
        FindingCode.STFS_MISSING,
        Severity.ERROR,
        execution(seen),
        Remedy.MEND_CONFIGURATION,
        since=seen.execution.end_time,
        evidence=evidence(requested=(wanted, "STFs"), made=(made, "STFs")),
        target=again(seen),
    )


def slice_errors(run_number: int) -> str:
    """Return the errors of slices that failed, each once, from the first of them on."""
    rows = TFSlice.objects.filter(run_number=run_number, status=SliceStatus.FAILED)
    errors = rows.exclude(error="").order_by("id").values_list("error", flat=True)[:_LOOKED_BACK]
    named = list(dict.fromkeys(short(str(error), 200) for error in errors))[:_ERRORS_NAMED]
    return "; ".join(named)


def _failed_slices(seen: ExecutionLook) -> Iterator[Finding]:
    failed, made = seen.count("slices_failed"), seen.count("slices_created")
    if not failed or seen.state is None:
        return
    yield Finding(
        FindingCode.SLICES_FAILED,
        Severity.ERROR,
        execution(seen),
        Remedy.SHOW_SLICES,
        evidence=evidence(
            failed=(failed, "slices"), made=(made, "slices"), errors=short(seen.slice_error, 600)
        ),
        target={"run_number": seen.state.run_number, "execution_id": seen.id},
    )


def _not_closed(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    ended = seen.execution.end_time
    if seen.state is None or seen.state.phase not in _DAQ_RUNS or not seen.ended:
        return
    if ended is None or look.now - ended < CLOSED_WITHIN:
        return
    yield Finding(
        FindingCode.RUN_NOT_CLOSED,
        Severity.WARNING,
        run_subject(seen),
        Remedy.READ_LOG,
        since=ended,
        evidence=evidence(phase=seen.state.phase, execution=seen.id),
        target={"program": "ingest", "execution_id": seen.id},
        symptom_of=FindingCode.INGEST_AWAY,
    )


def _gap(seen: ExecutionLook) -> Iterator[Finding]:
    """Yield STFs that are missing in the sequence of those that were registered."""
    numbers = seen.stf_sequences
    if seen.state is not None and numbers is not None and numbers.missing > 0:
        yield Finding(
            FindingCode.STF_GAP,
            Severity.WARNING,
            run_subject(seen),
            Remedy.READ_LOG,
            evidence=evidence(
                missing=(numbers.missing, "STFs"), first=numbers.first, last=numbers.last
            ),
            target={"program": "data-agent", "run_number": seen.state.run_number},
        )


def _cadence(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    """Yield data taking that goes on without STFs: the data agent's role as a watcher."""
    if seen.state is None or seen.state.phase != RunPhase.PHYSICS:
        return
    if seen.execution.status != ExecutionStatus.RUNNING:
        return
    patience = _stf_patience(seen)
    if look.now - seen.state.state_changed_at < patience:
        return
    last = seen.last_stf
    if last is None or look.now - last < patience:
        return
    yield Finding(
        FindingCode.STF_CADENCE_STOPPED,
        Severity.WARNING,
        run_subject(seen),
        Remedy.READ_LOG,
        since=last,
        evidence=evidence(
            without_stf=(round((look.now - last).total_seconds(), 1), "s"),
            expected_within=(round(patience.total_seconds(), 1), "s"),
            made=(seen.count("stf_files_generated"), "STFs"),
        ),
        target={"agent": seen.execution.runner, "execution_id": seen.id},
        symptom_of=FindingCode.CLOCK_STANDS_STILL,
    )


def _stf_patience(seen: ExecutionLook) -> timedelta:
    try:
        daq = data_taking(seen.execution.parameter_values)
        period = float(daq["stf_interval"]) + float(daq["stf_generation_time"])
    except (TypeError, ValueError, KeyError, AttributeError):
        period = 0.0  # an older agent may have recorded values that nobody checked
    wall = MISSED_STFS * period / seen.speed if seen.speed else 0.0
    return max(LEAST_SILENCE, timedelta(seconds=wall))


def may_lack_workers(seen: ExecutionLook) -> bool:
    """Return whether a run's workers may be too few, by what costs nothing to know.

    They are enough by the schedule, or its slices are a burst that is worked off in a few rounds.
    """
    if seen.count("slices_created") <= ROUNDS * max(1, seen.count("target_worker_count")):
        return False
    sized = sizing(seen.execution.parameter_values)
    return sized is None or not sized.enough_workers


def workers_too_few(seen: ExecutionLook) -> Iterator[Finding]:
    """Yield workers that leave a backlog of more than some slices for each of them.

    All slices of the run are read for it, unless that was done a moment ago.
    """
    if seen.state is None or not may_lack_workers(seen):
        return
    verdict = worker_verdict(seen.state)
    if verdict is None or verdict.keeps_up:
        return
    if verdict.backlog_slices <= ROUNDS * max(1, verdict.target_workers):
        return
    yield Finding(
        FindingCode.WORKERS_TOO_FEW,
        Severity.NOTE if seen.processed else Severity.WARNING,
        execution(seen),
        Remedy.MORE_WORKERS,
        evidence=evidence(
            workers=(verdict.target_workers, "workers"),
            workers_to_keep_up=(verdict.workers_to_keep_up, "workers"),
            slice_rate=(_rounded(verdict.slices_per_s), "slices/simulated s"),
            capacity=(_rounded(verdict.capacity_slices_per_s), "slices/simulated s"),
            backlog=(verdict.backlog_slices, "slices"),
            at_tick=(_rounded(verdict.at_tick), "simulated s"),
            mean_wait=(_rounded(verdict.mean_wait_s), "simulated s"),
            over=verdict.over,
        ),
        target={"workers": verdict.workers_to_keep_up, **again(seen)},
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")
