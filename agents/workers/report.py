"""Reports of a run's workers to the monitor: the states that have changed."""

from __future__ import annotations

from typing import Any

from agents.workers.pool import PoolWorker
from agents.workers.run import RunWork, SliceJob
from swf_common_lib.messages import utc_now
from swf_common_lib.states import WorkerStatus


class WorkerReport:
    """Remembers what was reported of each worker of a run, and returns what has changed."""

    def __init__(self, agent_name: str, hostname: str, work: RunWork) -> None:
        self._agent_name = agent_name
        self._hostname = hostname
        self._work = work
        self._told: dict[int, dict[str, Any]] = {}
        self._since: dict[int, str] = {}

    def worker_id(self, worker: PoolWorker) -> str:
        """Return the name of a worker, unique over processes and runs."""
        return f"{self._agent_name}.{self._work.plan.run_id}.{worker.index}"

    def changed_entries(self, now: float) -> list[dict[str, Any]]:
        """Return the entries of a ``worker_status`` message for the workers that have changed."""
        if self._work.pool is None:
            return []
        working = self._work.working(now)
        entries = []
        for worker in self._work.pool.workers:
            entry = self._entry(worker, working.get(worker.index), now)
            if entry != self._told.get(worker.index):
                self._told[worker.index] = entry
                entries.append(self._with_times(worker, entry))
        return entries

    def _entry(self, worker: PoolWorker, job: SliceJob | None, now: float) -> dict[str, Any]:
        status = self._work.status(worker, now)
        entry: dict[str, Any] = {
            "worker_id": self.worker_id(worker),
            "status": status,
            "location": self._hostname,
            "slices_completed": worker.slices_completed,
            "slices_failed": worker.slices_failed,
            "busy_seconds": worker.busy_seconds,
        }
        if status != WorkerStatus.STARTING and _ever_started(worker):
            entry["started_tick"] = worker.ready_tick
        if status == "stopped":
            entry["ended_tick"] = worker.ended_tick
        if job is not None:
            entry["current_slice_id"] = job.work.content.slice_id
            entry["tf_filename"] = job.work.content.tf_filename
        return entry

    def _with_times(self, worker: PoolWorker, entry: dict[str, Any]) -> dict[str, Any]:
        times: dict[str, Any] = {}
        if "started_tick" in entry:
            times["started_at"] = self._since.setdefault(worker.index, utc_now())
        if entry["status"] == "stopped":
            times["ended_at"] = utc_now()
        return {**entry, **times}


def _ever_started(worker: PoolWorker) -> bool:
    return worker.ended_tick is None or worker.ready_tick <= worker.ended_tick
