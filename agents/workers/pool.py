"""The times at which the simulated workers of one run start and finish their slices.

A model in simulated time alone: it knows nothing of messages, threads or the wall clock. Worker
``k`` of ``n`` is ready at ``start + k * rampup / n``; a slice goes to the worker that is free first
and takes ``processing_time`` of it. So backlog and waiting show in ticks even when no wall time
passes.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from swf_common_lib.states import WorkerStatus


@dataclass
class PoolWorker:
    """One worker of the pool and what it did. Ticks and seconds are simulated."""

    index: int
    ready_tick: float
    free_tick: float
    slices_completed: int = 0
    slices_failed: int = 0
    busy_seconds: float = 0.0
    ended_tick: float | None = None

    def status(self, tick: float) -> str:
        """Return what it does at ``tick``: starting, idle, busy or stopped."""
        if self.ended_tick is not None:
            return "stopped"
        if tick < self.ready_tick:
            return WorkerStatus.STARTING
        return WorkerStatus.BUSY if tick < self.free_tick else WorkerStatus.IDLE


@dataclass(frozen=True)
class Assignment:
    """A slice's worker and when it is processed."""

    worker: PoolWorker
    started_tick: float
    finished_tick: float


class WorkerPool:
    """The workers of one run in one process."""

    def __init__(
        self, count: int, start_tick: float, rampup_time: float, rampdown_time: float
    ) -> None:
        if count < 1:
            raise ValueError(f"a pool needs at least one worker, not {count}")
        self.start_tick = start_tick
        self.rampdown_time = rampdown_time
        ready = [start_tick + k * rampup_time / count for k in range(count)]
        self.workers = [PoolWorker(k, tick, tick) for k, tick in enumerate(ready)]
        self.last_finish = start_tick
        """Tick at which the last slice so far is finished."""
        self.drained_tick: float | None = None
        """Tick at which nothing was left to do, once the pool is wound down."""
        self._free = [(worker.free_tick, worker.index) for worker in self.workers]

    def assign(self, created_tick: float, processing_time: float) -> Assignment:
        """Assign a slice that was created at ``created_tick`` to the worker that is free first.

        A slice that comes after the pool was wound down brings the workers back.
        """
        free_tick, index = self._free[0]
        worker = self.workers[index]
        started = max(created_tick, free_tick)
        finished = started + processing_time
        heapq.heapreplace(self._free, (finished, index))
        worker.free_tick = finished
        if self.drained_tick is not None:
            self.drained_tick = None
            for leaving in self.workers:
                leaving.ended_tick = None
        self.last_finish = max(self.last_finish, finished)
        return Assignment(worker, started, finished)

    def settle(self, assignment: Assignment, *, failed: bool) -> None:
        """Count a slice that is finished, well or not."""
        worker = assignment.worker
        worker.busy_seconds += assignment.finished_tick - assignment.started_tick
        if failed:
            worker.slices_failed += 1
        else:
            worker.slices_completed += 1

    def wind_down(self, end_tick: float) -> None:
        """End the workers, evenly over the ramp-down time.

        They end once data taking has ended and every slice is finished. A worker that was not
        ready by then never starts.
        """
        drained = self.drained_tick = max(end_tick, self.last_finish)
        present = [worker for worker in self.workers if worker.ready_tick <= drained]
        for worker in self.workers:
            worker.ended_tick = drained
        for position, worker in enumerate(present, start=1):
            worker.ended_tick = drained + position * self.rampdown_time / len(present)

    def break_off(self, tick: float) -> None:
        """End all workers at ``tick``, whatever they are doing."""
        self.drained_tick = tick
        for worker in self.workers:
            worker.ended_tick = tick
