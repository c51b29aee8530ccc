"""The completion of a run: when all the work that it caused is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from django.db.models import F
from django.utils import timezone

from monitor.ingest.projections.batch_entries import BatchEntries
from monitor.records.models import (
    FastMonFile,
    RunState,
    StfFile,
    SystemStateEvent,
    TFSlice,
    WorkflowExecution,
)
from monitor.records.states import RunPhase
from monitor.records.statistics import run_statistics, worker_counts
from swf_common_lib.config import fast_processing
from swf_common_lib.messages import WorkerStatusMessage

ACTOR = "monitor-ingest"


def complete_finished_runs(run_numbers: Iterable[int]) -> None:
    """Mark as completed those of the runs that have ended and whose work is all done."""
    ended = list(
        RunState.objects.filter(run_number__in=list(run_numbers), phase=RunPhase.PROCESSING)
        .filter(slices_completed__gte=F("slices_created") - F("slices_failed"))
        .exclude(total_stf_files=None)
    )
    if not ended:
        return
    executions = WorkflowExecution.objects.in_bulk([state.execution_id for state in ended])
    for state in ended:
        execution = executions.get(state.execution_id)
        if _is_done(state, execution):
            _complete(state, execution)


def _is_done(state: RunState, execution: WorkflowExecution | None) -> bool:
    """Return whether a run's configured work is done, given that its slices are finished."""
    total = state.total_stf_files or 0
    if execution is None:
        return True
    fast = fast_processing(execution.parameter_values)
    sampled = fast is not None and fast.stf_sampling_rate > 0
    if sampled and _work_to_come(state, total):
        return False
    if "stf_processing" in execution.parameter_values:
        return state.stf_files_processed >= total
    return True


def _work_to_come(state: RunState, total: int) -> bool:
    """Return whether STFs still lack their sample, or samples their slices."""
    if state.stf_samples_received < total:
        # An STF without time frames gives no sample.
        empty = StfFile.objects.filter(run__run_number=state.run_number, tf_count=0).count()
        if state.stf_samples_received < total - empty:
            return True
    samples = FastMonFile.objects.filter(stf_file__run__run_number=state.run_number)
    awaited = samples.exclude(tf_count=0).count()
    slices = TFSlice.objects.filter(run_number=state.run_number)
    return bool(slices.values("tf_filename").distinct().count() < awaited)


def _complete(state: RunState, execution: WorkflowExecution | None) -> None:
    moment = timezone.now()
    RunState.objects.filter(pk=state.pk).update(
        phase=RunPhase.COMPLETED, state_changed_at=moment, updated_at=moment
    )
    statistics = run_statistics(state.run_number).as_dict()
    SystemStateEvent.objects.bulk_create(
        [
            SystemStateEvent(
                event_id=f"run_completed:{state.run_number}",
                timestamp=moment,
                run_number=state.run_number,
                execution_id=state.execution_id,
                event_type="run_completed",
                state=state.state,
                substate=state.substate,
                actor=ACTOR,
                via="message",
                event_data={"slices": statistics["slices"]},
            )
        ],
        ignore_conflicts=True,
    )
    if execution is not None:
        _keep(execution.pk, statistics)


def update_worker_statistics(entries: BatchEntries) -> None:
    """Update the stored worker statistics of completed runs whose workers left afterwards."""
    numbers = {entry.run_number for entry, _ in entries.of_type(WorkerStatusMessage)}
    for state in RunState.objects.filter(run_number__in=numbers, phase=RunPhase.COMPLETED):
        if WorkflowExecution.objects.filter(pk=state.execution_id).exists():
            _keep(state.execution_id, {"workers": asdict(worker_counts(state))})


def _keep(execution_id: str, statistics: dict[str, object]) -> None:
    """Add to the run statistics that are stored with the execution."""
    execution = WorkflowExecution.objects.select_for_update().get(pk=execution_id)
    metrics = execution.performance_metrics
    kept = {**metrics.get("slices", {}), **statistics}
    execution.performance_metrics = {**metrics, "slices": kept}
    execution.save(update_fields=["performance_metrics"])
