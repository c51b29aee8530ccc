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
from swf_common_lib.sizing import requested_stfs

_SETTLED = timedelta(minutes=10)
"""So long after its end, an execution is assumed to get no more messages."""
_SETTLED_SECONDS = 3600


@dataclass(frozen=True)
class Progress:
    """Counts of one execution so far. A slice that failed for good is not done."""

    state: RunState | None
    """Of its run; None before the run is announced."""
    stfs_requested: int | None
    """STF files that the configuration asks for; None when only a stop or a clock ends it."""
    messages: int | None
    """Messages recorded, of the workflow and of all agents; None where they were not counted."""

    @property
    def stfs_announced(self) -> int:
        """STF files that data taking has made, as the workflow announced them."""
        return self.state.stf_files_generated if self.state else 0

    @property
    def stfs_registered(self) -> int:
        """STF files that the data agent has registered."""
        return self.state.stf_files_registered if self.state else 0

    @property
    def slices_made(self) -> int:
        """Slices of all samples."""
        return self.state.slices_created if self.state else 0

    @property
    def slices_done(self) -> int:
        """Slices that were processed well."""
        return self.state.slices_completed if self.state else 0

    @property
    def slices_failed(self) -> int:
        """Slices that failed in their last try."""
        return self.state.slices_failed if self.state else 0

    @property
    def slices_unfinished(self) -> int:
        """Slices that wait or are in work."""
        return max(0, self.slices_made - self.slices_done - self.slices_failed)

    def as_dict(self) -> dict[str, int | None]:
        """Return the counts by the names that every interface uses."""
        state = self.state
        return {
            "stf_files_requested": self.stfs_requested,
            "stf_files_announced": self.stfs_announced,
            "stf_files_registered": self.stfs_registered,
            "stf_files_processed": state.stf_files_processed if state else 0,
            "tf_samples": state.stf_samples_received if state else 0,
            "slices_made": self.slices_made,
            "slices_done": self.slices_done,
            "slices_failed": self.slices_failed,
            "slices_unfinished": self.slices_unfinished,
            "messages": self.messages,
        }


def progress_of(
    executions: Iterable[WorkflowExecution], *, count_messages: bool = True
) -> dict[str, Progress]:
    """Return the progress of each execution by its id, in two queries for all of them."""
    executions = list(executions)
    runs = [execution.run_number for execution in executions if execution.run_number is not None]
    states = RunState.objects.in_bulk(runs)
    counts = _message_counts(executions) if count_messages else {}
    return {
        execution.execution_id: Progress(
            state=states.get(execution.run_number) if execution.run_number is not None else None,
            stfs_requested=requested_stfs(execution.parameter_values),
            messages=counts.get(execution.execution_id),
        )
        for execution in executions
    }


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
        return False if isinstance(sent, int) and (progress.messages or 0) < sent else None
    return progress.state.phase == RunPhase.COMPLETED
