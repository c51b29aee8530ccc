"""The model of a run's workers in simulated time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.workers.pool import Assignment, WorkerPool

TIMES = st.floats(0, 1000)


@given(
    count=st.integers(1, 40),
    start=TIMES,
    rampup=TIMES,
    processing=st.floats(0.001, 100),
    created=st.lists(st.floats(0, 2000), max_size=150),
)
def test_no_worker_does_two_things_at_once_or_works_before_it_is_ready(
    count: int, start: float, rampup: float, processing: float, created: list[float]
) -> None:
    pool = WorkerPool(count, start, rampup, 60.0)
    by_worker: dict[int, list[Assignment]] = {}
    for tick in sorted(created):
        assignment = pool.assign(tick, processing)
        assert assignment.started_tick >= max(tick, assignment.worker.ready_tick)
        assert assignment.finished_tick == assignment.started_tick + processing
        by_worker.setdefault(assignment.worker.index, []).append(assignment)
    for own in by_worker.values():
        for earlier, later in itertools.pairwise(own):
            assert later.started_tick >= earlier.finished_tick


@given(
    count=st.integers(1, 10),
    rampup=TIMES,
    processing=st.floats(0.1, 50),
    created=st.lists(st.floats(0, 500), min_size=1, max_size=60),
)
def test_no_worker_is_idle_while_a_slice_waits(
    count: int, rampup: float, processing: float, created: list[float]
) -> None:
    pool = WorkerPool(count, 0.0, rampup, 0.0)
    assignments = [(tick, pool.assign(tick, processing)) for tick in sorted(created)]
    for position, (tick, assignment) in enumerate(assignments):
        if assignment.started_tick == tick:
            continue
        # It waited: at its start, no worker had been free before that moment.
        free_before = [
            max(
                [w.ready_tick]
                + [
                    other.finished_tick
                    for _, other in assignments[:position]
                    if other.worker.index == w.index
                ]
            )
            for w in pool.workers
        ]
        assert min(free_before) == assignment.started_tick


def test_workers_ramp_up_linearly() -> None:
    pool = WorkerPool(30, 10.0, 300.0, 60.0)
    assert [worker.ready_tick for worker in pool.workers[:3]] == [10.0, 20.0, 30.0]
    assert pool.workers[-1].ready_tick == 300.0


def test_a_backlog_shows_in_ticks() -> None:
    pool = WorkerPool(2, 0.0, 0.0, 0.0)
    starts = [pool.assign(0.0, 30.0).started_tick for _ in range(6)]
    assert starts == [0.0, 0.0, 30.0, 30.0, 60.0, 60.0]


def test_workers_leave_evenly_after_the_last_slice() -> None:
    pool = WorkerPool(4, 0.0, 0.0, 60.0)
    pool.assign(10.0, 30.0)
    pool.wind_down(20.0)
    assert pool.drained_tick == 40.0
    assert [worker.ended_tick for worker in pool.workers] == [55.0, 70.0, 85.0, 100.0]


def test_a_worker_that_was_never_ready_never_starts() -> None:
    pool = WorkerPool(2, 0.0, 1000.0, 60.0)
    pool.assign(0.0, 30.0)
    pool.wind_down(50.0)
    first, second = pool.workers
    assert first.ended_tick == 110.0
    assert second.ended_tick == 50.0 < second.ready_tick


def test_a_late_slice_brings_the_workers_back() -> None:
    pool = WorkerPool(2, 0.0, 0.0, 10.0)
    pool.wind_down(5.0)
    assert all(worker.status(5.0) == "stopped" for worker in pool.workers)
    assignment = pool.assign(100.0, 30.0)
    assert assignment.worker.status(110.0) == "busy"
    assert pool.workers[1].status(110.0) == "idle"


def test_status_follows_the_tick() -> None:
    pool = WorkerPool(2, 0.0, 20.0, 0.0)
    pool.assign(0.0, 5.0)
    assert [worker.status(3.0) for worker in pool.workers] == ["busy", "starting"]
    assert [worker.status(12.0) for worker in pool.workers] == ["idle", "idle"]


def test_finished_slices_are_counted() -> None:
    pool = WorkerPool(1, 0.0, 0.0, 0.0)
    pool.settle(pool.assign(0.0, 30.0), failed=False)
    pool.settle(pool.assign(0.0, 30.0), failed=True)
    (worker,) = pool.workers
    assert (worker.slices_completed, worker.slices_failed, worker.busy_seconds) == (1, 1, 60.0)


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one worker"):
        WorkerPool(0, 0.0, 0.0, 0.0)
