"""Workers: the state of each, and the number of active ones in a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitor.ingest.projections.batch_entries import BatchEntries
from monitor.ingest.projections.run_counters import RunCounterDeltas
from monitor.ingest.times import optional_time
from monitor.ingest.validity import NAME_LIMIT
from monitor.records.database.bulk import portions
from monitor.records.models import Worker
from monitor.records.states import WORKERS_AT_WORK, WORKERS_GONE
from swf_common_lib.messages import WorkerState, WorkerStatusMessage

_PLAIN = ("slices_completed", "slices_failed", "busy_seconds", "started_tick", "ended_tick")
_TIMES = ("started_at", "ended_at")
_WRITTEN = (
    "run_number",
    "status",
    "location",
    "panda_job",
    "last_heartbeat",
    "current_slice_id",
    "tf_filename",
    *_PLAIN,
    *_TIMES,
)


def update(entries: BatchEntries, counters: RunCounterDeltas) -> None:
    """Record the newest state of each worker; fields that a message omits stay as they were."""
    news = [
        (entry, worker)
        for entry, message in entries.of_type(WorkerStatusMessage)
        for worker in message.workers
    ]
    if not news:
        return
    workers: dict[str, Worker] = {}
    for portion in portions({worker.worker_id for _, worker in news}):
        rows = Worker.objects.select_for_update().filter(worker_id__in=portion)
        workers.update({worker.worker_id: worker for worker in rows})
    for entry, told in news:
        worker = workers.get(told.worker_id)
        if worker is None:
            worker = workers[told.worker_id] = Worker(worker_id=told.worker_id)
        before = _at_work(worker)
        worker.run_number = entry.run_number
        _follow(worker, told, entry.sent_at)
        for run_number in sorted(before - _at_work(worker)):
            counters.add(run_number, "active_worker_count", -1)
        for run_number in sorted(_at_work(worker) - before):
            counters.add(run_number, "active_worker_count")
    Worker.objects.bulk_create(
        workers.values(),
        update_conflicts=True,
        unique_fields=["worker_id"],
        update_fields=_WRITTEN,
    )


def _at_work(worker: Worker) -> set[int]:
    """Return the run for which a worker counts as active, as a set of at most one number."""
    if worker.status in WORKERS_AT_WORK and worker.run_number is not None:
        return {worker.run_number}
    return set()


def _follow(worker: Worker, told: WorkerState, moment: datetime) -> None:
    given = told.model_fields_set
    worker.status = told.status
    worker.last_heartbeat = moment
    if worker.status not in WORKERS_GONE:  # one that had left may be called back
        worker.ended_tick = worker.ended_at = None
    _note_slice(worker, told.model_extra or {})
    if told.location:
        worker.location = told.location[:200]
    if told.panda_job:
        worker.panda_job = told.panda_job[:100]
    for name in _PLAIN:
        if name in given and getattr(told, name) is not None:
            setattr(worker, name, getattr(told, name))
    for name in _TIMES:
        if (time := optional_time(getattr(told, name))) is not None:
            setattr(worker, name, time)


def _note_slice(worker: Worker, told: Mapping[str, Any]) -> None:
    """Set the slice that a worker is busy with; without one in the message it has none."""
    slice_id, name = told.get("current_slice_id"), told.get("tf_filename")
    if isinstance(slice_id, int) and isinstance(name, str):
        worker.current_slice_id, worker.tf_filename = slice_id, name[:NAME_LIMIT]
    else:
        worker.current_slice_id, worker.tf_filename = None, ""
