"""The work of one worker process for one run: which worker processes which slice, and until when.

No messaging and no clock in here: callers say what time it is (``now``: monotonic wall seconds).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from agents.workers.plan import RunPlan
from agents.workers.pool import Assignment, PoolWorker, WorkerPool
from agents.workers.recent_keys import RecentKeys
from swf_common_lib.messages import SliceWork
from swf_common_lib.messaging import Delivery
from swf_common_lib.states import WorkerStatus

REMEMBERED_TRIES = 20_000
"""Finished tries of a run whose repetition is recognised: more than a broker may deliver again."""

TryKey = tuple[str, int, int]
"""TF filename, slice id, tries before: one try of one slice of the run."""


def try_key(work: SliceWork) -> TryKey:
    """Return the identity of the try that a slice message asks for."""
    content = work.content
    return content.tf_filename, content.slice_id, tries_before(work)


def tries_before(work: SliceWork) -> int:
    """Return the number of tries of the slice before this one."""
    retries = (work.content.model_extra or {}).get("retries")
    return retries if isinstance(retries, int) else 0


@dataclass
class SliceJob:
    """One try of a slice, assigned to one worker."""

    work: SliceWork
    key: TryKey
    assignment: Assignment
    wall_start: float
    """Monotonic wall time at which its worker begins."""
    wall_due: float
    """Monotonic wall time at which it is finished."""
    announced: bool = False
    """Whether it was said that its processing has begun."""
    deliveries: list[Delivery] = field(default_factory=list)
    """To be acknowledged once the result is out; several when it was delivered again."""


class RunWork:
    """One run's workers in this process."""

    def __init__(self, plan: RunPlan, now: float) -> None:
        self.plan = plan
        self.last_activity = now
        """When a slice was taken or finished, or the run announced."""
        self.in_hand: dict[TryKey, SliceJob] = {}
        self.pool: WorkerPool | None = None
        """None until the tick is known at which the ramp-up begins."""
        self.ended = False
        """Data taking is over."""
        self.tick = 0.0
        """Simulated time of the latest message of the run."""
        self._done: RecentKeys[TryKey] = RecentKeys(REMEMBERED_TRIES)
        self._due: list[tuple[float, TryKey]] = []
        self._wall_free: list[float] = []
        self._opened = now
        self._drained: float | None = None
        if plan.start_tick is not None:
            self._open(plan.start_tick, now)

    def announce(self, plan: RunPlan, now: float) -> None:
        """Replace the plan by the announced one, if the workers have not started yet."""
        if self.pool is None and plan.start_tick is not None:
            self.plan = plan
            self._open(plan.start_tick, now)

    # Slices

    def take(self, work: SliceWork, now: float) -> SliceJob | None:
        """Assign a slice to the worker that is free first.

        Return None when this process has done this try already, and the same job when it has it in
        hand.
        """
        key = try_key(work)
        self.last_activity = now
        if key in self._done:
            return None
        if key in self.in_hand:
            return self.in_hand[key]
        created = self.tick if work.simulation_tick is None else work.simulation_tick
        self.tick = max(self.tick, created)
        pool = self.pool or self._open(created, now)
        self._drained = None  # should the workers have been leaving: they are needed again
        assignment = pool.assign(created, self.plan.processing_time)
        index = assignment.worker.index
        start = max(now, self._wall_free[index])
        due = start + self._wall(self.plan.processing_time)
        self._wall_free[index] = due
        job = SliceJob(work, key, assignment, start, due)
        self.in_hand[key] = job
        if self.plan.paced:
            heapq.heappush(self._due, (due, key))
        return job

    def finished(self, now: float) -> list[SliceJob]:
        """Return the slices of a paced run whose processing has ended by now; each once."""
        jobs = []
        while self._due and self._due[0][0] <= now:
            _, key = heapq.heappop(self._due)
            jobs.append(self.in_hand[key])
        return jobs

    def next_finish(self) -> float | None:
        """Return the wall time at which the next slice is finished; None: nothing is in hand."""
        return self._due[0][0] if self._due else None

    def settle(self, job: SliceJob, now: float, *, failed: bool) -> None:
        """Count a finished slice whose result is on its way."""
        assert self.pool is not None  # noqa: S101  (there is a job, so there is a pool)
        self.pool.settle(job.assignment, failed=failed)
        del self.in_hand[job.key]
        self._done.add(job.key)
        self.last_activity = now

    # Workers

    def wind_down(self, end_tick: float | None, now: float) -> None:
        """Ramp the workers down: no slice of the run is left anywhere."""
        if self._drained is None:
            self._drained = now
            if self.pool is not None:
                self.pool.wind_down(self.tick if end_tick is None else end_tick)

    def break_off(self, now: float) -> None:
        """End the workers at once: this process stops, what is in hand goes to another."""
        self._drained = float("-inf")
        if self.pool is not None:
            unpaced = max(self.tick, self.pool.last_finish)
            self.pool.break_off(self._tick_of(now) if self.plan.paced else unpaced)

    def left(self, now: float) -> bool:
        """Return whether no work is left and every worker has ended."""
        if self._drained is None:
            return False
        workers = self.pool.workers if self.pool is not None else []
        return all(self.status(worker, now) == "stopped" for worker in workers)

    def working(self, now: float) -> dict[int, SliceJob]:
        """Return the jobs that are being processed at this moment, by their worker's index."""
        jobs = self.in_hand.values()
        return {j.assignment.worker.index: j for j in jobs if j.wall_start <= now < j.wall_due}

    def status(self, worker: PoolWorker, now: float) -> str:
        """Return what a worker does: starting, idle, busy or stopped.

        In an unpaced run this is what it does at the simulated time of the latest message.
        """
        if not self.plan.paced or self.pool is None:
            return worker.status(self.tick)
        if self._drained is not None and worker.ended_tick is not None:
            stays = worker.ended_tick - (self.pool.drained_tick or 0.0)
            return (
                WorkerStatus.STOPPED
                if now >= self._drained + self._wall(stays)
                else WorkerStatus.IDLE
            )
        if now < self._wall_ready(worker):
            return WorkerStatus.STARTING
        return WorkerStatus.BUSY if now < self._wall_free[worker.index] else WorkerStatus.IDLE

    # Inside

    def _open(self, start_tick: float, now: float) -> WorkerPool:
        plan = self.plan
        pool = WorkerPool(plan.workers, start_tick, plan.rampup_time, plan.rampdown_time)
        self.pool, self._opened = pool, now
        self.tick = max(self.tick, start_tick)
        self._wall_free = [self._wall_ready(worker) for worker in pool.workers]
        return pool

    def _wall(self, seconds: float) -> float:
        return seconds / self.plan.time_scale if self.plan.paced else 0.0

    def _wall_ready(self, worker: PoolWorker) -> float:
        assert self.pool is not None  # noqa: S101  (workers belong to a pool)
        return self._opened + self._wall(worker.ready_tick - self.pool.start_tick)

    def _tick_of(self, now: float) -> float:
        assert self.pool is not None  # noqa: S101
        return self.pool.start_tick + (now - self._opened) * self.plan.time_scale
