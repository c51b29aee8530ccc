"""Whether a run has what it should have: its STFs, its end, its slices, its workers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min

from monitor.diagnosis.course import again, execution
from monitor.diagnosis.execution_look import ExecutionLook
from monitor.health.look import Look
from monitor.records.models import RunState, StfFile, TFSlice, WorkflowMessage
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
from swf_common_lib.sizing import requested_stfs
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
    yield from _stfs_missing(seen)
    if seen.state is None:
        return
    yield from _failed_slices(seen)
    yield from _not_closed(seen, look)
    yield from _gap(seen)
    yield from _cadence(seen, look)
    yield from _workers_too_few(seen)


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


def _stfs_missing(seen: ExecutionLook) -> Iterator[Finding]:
    """Yield an execution that came to its end with fewer STFs than it was asked for."""
    if seen.execution.status != ExecutionStatus.COMPLETED:
        return  # one that was stopped or failed says so itself
    wanted = requested_stfs(seen.execution.parameter_values)
    made = seen.count("stf_files_generated")
    if wanted is None or made >= wanted or seen.execution.options.get("duration"):
        return
    if seen.state is not None and not seen.ended:
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


def _failed_slices(seen: ExecutionLook) -> Iterator[Finding]:
    failed, made = seen.count("slices_failed"), seen.count("slices_created")
    if not failed or seen.state is None:
        return
    rows = TFSlice.objects.filter(run_number=seen.state.run_number, status=SliceStatus.FAILED)
    errors = rows.exclude(error="").order_by("id").values_list("error", flat=True)[:_LOOKED_BACK]
    named = list(dict.fromkeys(short(str(error), 200) for error in errors))[:_ERRORS_NAMED]
    yield Finding(
        FindingCode.SLICES_FAILED,
        Severity.ERROR,
        execution(seen),
        Remedy.SHOW_SLICES,
        evidence=evidence(
            failed=(failed, "slices"), made=(made, "slices"), errors="; ".join(named)
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
    if seen.state is None or seen.processed:
        return
    files = StfFile.objects.filter(run__run_number=seen.state.run_number).exclude(sequence=None)
    told = files.aggregate(first=Min("sequence"), last=Max("sequence"), count=Count("sequence"))
    if not told["count"]:
        return
    missing = told["last"] - told["first"] + 1 - told["count"]
    if missing > 0:
        yield Finding(
            FindingCode.STF_GAP,
            Severity.WARNING,
            run_subject(seen),
            Remedy.READ_LOG,
            evidence=evidence(missing=(missing, "STFs"), first=told["first"], last=told["last"]),
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
    last = _last_stf(seen)
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


def _last_stf(seen: ExecutionLook) -> datetime | None:
    """Return when the last STF was announced; None where the newest messages do not tell."""
    rows = WorkflowMessage.objects.filter(execution_id=seen.id).order_by("-sent_at", "-id")
    newest: list[tuple[str, datetime]] = list(
        rows.values_list("message_type", "received_at")[:_LOOKED_BACK]
    )
    for kind, received in newest:
        if kind in ("stf_gen", "start_run", "resume_run"):
            return received
    return newest[-1][1] if newest else None


def _workers_too_few(seen: ExecutionLook) -> Iterator[Finding]:
    """Yield workers that leave a backlog of more than some slices for each of them."""
    if seen.state is None or seen.count("slices_created") <= ROUNDS * _workers(seen):
        return  # a burst that is worked off in a few rounds
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


def _workers(seen: ExecutionLook) -> int:
    return max(1, seen.count("target_worker_count"))


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.3g}")
