"""The progress of executions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count
from django.utils import timezone

from monitor.records.database.cache import CACHE_SECONDS, LARGE
from monitor.records.models import RunState, WorkflowExecution, WorkflowMessage
from monitor.records.states import TERMINAL, RunPhase
from swf_common_lib.config import data_taking

_SETTLED = timedelta(minutes=10)
"""So long after its end, an execution is assumed to get no more messages."""
_SETTLED_SECONDS = 3600


@dataclass(frozen=True)
class Progress:
    """Counts of one execution so far."""

    state: RunState | None
    """The state of its run; None before the run is announced."""
    expected_stfs: int | None
    """STF files of the whole run; None when it runs until a stop or a given time."""
    messages: int
    """Recorded messages, from the workflow and all agents."""

    @property
    def stfs(self) -> int:
        """STF files generated."""
        return self.state.stf_files_generated if self.state else 0

    @property
    def slices_finished(self) -> int:
        """Slices in a final state."""
        return self.state.slices_completed + self.state.slices_failed if self.state else 0


def progress_of(executions: Iterable[WorkflowExecution]) -> dict[str, Progress]:
    """Return the progress of each execution by its id, in two queries for all of them."""
    executions = list(executions)
    runs = [execution.run_number for execution in executions if execution.run_number is not None]
    states = RunState.objects.in_bulk(runs)
    counts = _message_counts(executions)
    return {
        execution.execution_id: Progress(
            state=states.get(execution.run_number) if execution.run_number is not None else None,
            expected_stfs=expected_stfs(execution, states),
            messages=counts[execution.execution_id],
        )
        for execution in executions
    }


def expected_stfs(execution: WorkflowExecution, states: dict[int, RunState]) -> int | None:
    """Return the number of STF files that the whole run will have; None if it is not known."""
    state = states.get(execution.run_number) if execution.run_number is not None else None
    if state is not None and state.total_stf_files is not None:
        return state.total_stf_files
    try:
        values = data_taking(execution.parameter_values)
        count, periods = int(values.get("stf_count") or 0), int(values["physics_period_count"])
    except (TypeError, ValueError, AttributeError):
        return None  # an older agent may have recorded parameters that nobody checked
    return count * periods or None


def _message_counts(executions: list[WorkflowExecution]) -> dict[str, int]:
    """Return the number of messages of each execution by its id.

    The count is cached: for an hour if the execution ended 10 minutes ago, for 10 s if it is large.
    """
    settled_before = timezone.now() - _SETTLED
    keys = {_cache_key(execution): execution.execution_id for execution in executions}
    settled = {
        execution.execution_id
        for execution in executions
        if execution.end_time is not None and execution.end_time < settled_before
    }
    known = {keys[key]: count for key, count in cache.get_many(keys).items()}
    uncounted = [e.execution_id for e in executions if e.execution_id not in known]
    rows = (
        WorkflowMessage.objects.filter(execution_id__in=uncounted)
        .values_list("execution_id")
        .annotate(Count("id"))
    )
    counts = {**dict.fromkeys(uncounted, 0), **dict(rows)}
    fresh = {key: counts[name] for key, name in keys.items() if name in counts}
    cache.set_many({key: n for key, n in fresh.items() if keys[key] in settled}, _SETTLED_SECONDS)
    many = {key: n for key, n in fresh.items() if keys[key] not in settled and n >= LARGE}
    cache.set_many(many, CACHE_SECONDS)
    return {**known, **counts}


def _cache_key(execution: WorkflowExecution) -> str:
    # Hashed: an id may be longer, and hold other characters, than a key of a cache may.
    identity = f"{execution.execution_id}\0{execution.created_at.isoformat()}"
    return f"messages-of:{hashlib.sha256(identity.encode()).hexdigest()}"


def is_finished(execution: WorkflowExecution) -> bool:
    """Return whether an execution is in a final status."""
    return execution.status in TERMINAL


def processing_finished(execution: WorkflowExecution, progress: Progress) -> bool | None:
    """Return whether agents and workers have finished the run; None when there is no run.

    The runner may report its end before the first of its messages is recorded.
    """
    if progress.state is None:
        sent = execution.performance_metrics.get("messages_sent")
        return False if isinstance(sent, int) and progress.messages < sent else None
    return progress.state.phase == RunPhase.COMPLETED
