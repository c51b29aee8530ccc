"""A worker process's work for one run: wall times, repetitions, the workers' lives."""

from __future__ import annotations

from typing import Any

import pytest

from agents.workers.plan import RunPlan
from agents.workers.report import WorkerReport
from agents.workers.run import RunWork
from swf_common_lib.messages import SliceWork


def plan(**changes: Any) -> RunPlan:
    values: dict[str, Any] = {
        "run_id": "100001",
        "execution_id": "stf_datataking-u-0001",
        "namespace": "n",
        "start_tick": 10.0,
        "time_scale": 0.0,
        "workers": 2,
        "processing_time": 30.0,
        "rampup_time": 0.0,
        "rampdown_time": 20.0,
        "streams": 1,
        "failure_rate": 0.0,
    }
    return RunPlan(**{**values, **changes})


def work(slice_id: int, tick: float = 20.0, retries: int = 0) -> SliceWork:
    return SliceWork.model_validate(
        {
            "msg_type": "slice",
            "run_id": "100001",
            "simulation_tick": tick,
            "content": {
                "run_id": "100001",
                "tf_filename": "swf.100001.000001_tf_000.tf",
                "slice_id": slice_id,
                "retries": retries,
            },
        }
    )


class TestUnpaced:
    def test_a_slice_is_finished_at_once_and_its_ticks_are_those_of_the_model(self) -> None:
        run = RunWork(plan(), now=0.0)
        ticks = []
        for slice_id in range(4):
            job = run.take(work(slice_id), now=0.0)
            assert job is not None
            ticks.append((job.assignment.started_tick, job.assignment.finished_tick))
            run.settle(job, 0.0, failed=False)
        assert ticks == [(20.0, 50.0), (20.0, 50.0), (50.0, 80.0), (50.0, 80.0)]
        assert run.next_finish() is None

    def test_a_try_that_was_done_is_not_done_again(self) -> None:
        run = RunWork(plan(), now=0.0)
        job = run.take(work(0), now=0.0)
        assert job is not None
        run.settle(job, 0.0, failed=True)
        assert run.take(work(0), now=0.0) is None
        assert run.take(work(0, retries=1), now=0.0) is not None

    def test_a_run_without_end_costs_no_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agents.workers.run.REMEMBERED_TRIES", 10)
        run = RunWork(plan(), now=0.0)
        for slice_id in range(100):
            job = run.take(work(slice_id), now=0.0)
            assert job is not None
            run.settle(job, 0.0, failed=False)
        assert run.take(work(99), now=0.0) is None  # delivered again
        assert run.take(work(90), now=0.0) is None
        assert len(run._done) == 10
        assert run.in_hand == {}

    def test_workers_leave_in_simulated_time_only(self) -> None:
        run = RunWork(plan(), now=0.0)
        job = run.take(work(0), now=0.0)
        assert job is not None
        run.settle(job, 0.0, failed=False)
        assert not run.left(0.0)
        run.wind_down(45.0, now=1.0)
        assert run.left(1.0)
        assert run.pool is not None
        assert [worker.ended_tick for worker in run.pool.workers] == [60.0, 70.0]


class TestPaced:
    def test_a_slice_is_finished_when_its_wall_time_is_over(self) -> None:
        run = RunWork(plan(time_scale=10.0), now=100.0)
        job = run.take(work(0), now=101.0)
        assert job is not None
        assert run.next_finish() == pytest.approx(104.0)
        assert run.finished(103.9) == []
        assert run.finished(104.0) == [job]
        assert run.finished(104.0) == []

    def test_slices_beyond_the_workers_wait(self) -> None:
        run = RunWork(plan(time_scale=10.0), now=100.0)
        for slice_id in range(3):
            run.take(work(slice_id), now=101.0)
        assert len(run.working(102.0)) == 2
        assert len(run.finished(104.5)) == 2
        assert len(run.finished(107.0)) == 1

    def test_a_worker_that_is_not_ready_begins_later(self) -> None:
        run = RunWork(plan(time_scale=10.0, workers=2, rampup_time=100.0), now=0.0)
        first, second = (run.take(work(slice_id, tick=10.0), now=0.0) for slice_id in range(2))
        assert first is not None
        assert second is not None
        assert (first.wall_start, second.wall_start) == (0.0, 3.0)  # worker 0 again, not 1 at 5.0
        third = run.take(work(2, tick=10.0), now=0.0)
        assert third is not None
        assert third.wall_start == pytest.approx(5.0)
        assert third.assignment.started_tick == 60.0

    def test_a_slice_in_hand_that_comes_again_is_the_same_job(self) -> None:
        run = RunWork(plan(time_scale=10.0), now=0.0)
        job = run.take(work(0), now=0.0)
        assert run.take(work(0), now=1.0) is job
        assert len(run.finished(10.0)) == 1

    def test_workers_leave_over_the_rampdown_time(self) -> None:
        run = RunWork(plan(time_scale=10.0), now=0.0)
        run.wind_down(30.0, now=50.0)
        run.wind_down(30.0, now=50.9)  # said again: they do not begin anew
        assert run.pool is not None
        first, second = run.pool.workers
        assert [run.status(first, 50.5), run.status(second, 50.5)] == ["idle", "idle"]
        assert [run.status(first, 51.0), run.status(second, 51.0)] == ["stopped", "idle"]
        assert not run.left(51.9)
        assert run.left(52.0)

    def test_a_late_slice_keeps_the_workers(self) -> None:
        run = RunWork(plan(time_scale=10.0), now=0.0)
        run.wind_down(30.0, now=50.0)
        run.take(work(0), now=51.0)
        assert not run.left(60.0)


def test_a_run_joined_late_ramps_up_with_its_first_slice() -> None:
    run = RunWork(plan(start_tick=None, rampup_time=60.0), now=0.0)
    assert run.pool is None
    job = run.take(work(0, tick=500.0), now=0.0)
    assert job is not None
    assert job.assignment.started_tick == 500.0
    assert run.pool is not None
    assert [worker.ready_tick for worker in run.pool.workers] == [500.0, 530.0]


def test_an_announcement_that_comes_after_joining_sets_the_ramp_up() -> None:
    run = RunWork(plan(start_tick=None), now=0.0)
    run.announce(plan(start_tick=7.0), now=1.0)
    assert run.pool is not None
    assert run.pool.start_tick == 7.0


def test_a_joined_run_without_slices_can_be_left() -> None:
    run = RunWork(plan(start_tick=None), now=0.0)
    assert not run.left(1.0)
    run.wind_down(None, now=1.0)
    assert run.left(1.0)


class TestReport:
    def test_only_what_changed_is_told(self) -> None:
        run = RunWork(plan(rampup_time=100.0), now=0.0)
        report = WorkerReport("worker-agent-u-1", "host", run)
        first = report.changed_entries(0.0)
        assert [entry["worker_id"] for entry in first] == [
            "worker-agent-u-1.100001.0",
            "worker-agent-u-1.100001.1",
        ]
        assert [entry["status"] for entry in first] == ["idle", "starting"]
        assert report.changed_entries(1.0) == []
        job = run.take(work(0), now=1.0)
        assert job is not None
        run.settle(job, 1.0, failed=False)
        (entry,) = report.changed_entries(2.0)
        assert (entry["status"], entry["slices_completed"], entry["busy_seconds"]) == (
            "busy",
            1,
            30,
        )

    def test_the_last_word_says_when_each_worker_left(self) -> None:
        run = RunWork(plan(rampup_time=1000.0), now=0.0)
        report = WorkerReport("w", "host", run)
        run.wind_down(50.0, now=1.0)
        first, second = report.changed_entries(1.0)
        assert (first["status"], first["started_tick"], first["ended_tick"]) == (
            "stopped",
            10.0,
            70.0,
        )
        assert "started_tick" not in second  # it was never ready
        assert second["ended_tick"] == 50.0

    def test_a_process_that_stops_ends_its_workers(self) -> None:
        run = RunWork(plan(time_scale=10.0), now=0.0)
        report = WorkerReport("w", "host", run)
        run.take(work(0), now=0.0)
        run.break_off(now=1.0)
        entries = report.changed_entries(1.0)
        assert [(entry["status"], entry["ended_tick"]) for entry in entries] == [
            ("stopped", 20.0),
            ("stopped", 20.0),
        ]
        assert entries[0]["slices_completed"] == 0
