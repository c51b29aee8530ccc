"""Whether the workers of a run keep up: never against what was measured beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agents.workers.pool import WorkerPool
from monitor.records.models import RunState, TFSlice, WorkflowExecution
from monitor.records.statistics import WorkerVerdict, run_statistics, worker_verdict
from tests.integration.ingest.conftest import make_execution
from tests.integration.ingest.run_messages import rolled_back

pytestmark = pytest.mark.django_db

RUN = 7
FIRST_TICK = 9.0
PERIOD = 2.2


def took(
    stfs: int,
    workers: int,
    *,
    over: bool = True,
    slices: int = 15,
    rampup: float = 0.0,
    speed: float = 0.0,
    gap_after: int = 0,
    **fast: Any,
) -> WorkerVerdict:
    """Take a run in the workers' own model of time and judge it. ``gap_after``: then standby."""
    parameters = {
        "target_worker_count": workers,
        "slices_per_sample": slices,
        "worker_rampup_time": rampup,
        **fast,
    }
    execution = make_execution({"fast_processing": parameters, "daq_state_machine": {}})
    WorkflowExecution.objects.filter(pk=execution.pk).update(options={"speed": speed})
    pool = WorkerPool(workers, 0.0, rampup, 0.0)
    rows = []
    tick = FIRST_TICK
    for sequence in range(1, stfs + 1):
        for slice_id in range(slices):
            done = pool.assign(tick, 30.0)
            rows.append(_row(sequence, slice_id, tick, done.started_tick, done.finished_tick))
        tick += PERIOD + (60.0 if sequence == gap_after else 0.0)
    TFSlice.objects.bulk_create(rows)
    state = RunState.objects.create(
        run_number=RUN,
        execution_id=execution.pk,
        phase="completed" if over else "physics",
        target_worker_count=workers,
        stf_files_generated=stfs,
        slices_created=stfs * slices,
        total_stf_files=stfs if over else None,
        end_tick=tick - 2.0 if over else None,
    )
    return judged(state)


def _row(sequence: int, slice_id: int, made: float, begun: float, done: float) -> TFSlice:
    return TFSlice(
        run_number=RUN,
        tf_filename=f"{sequence}.tf",
        stf_filename=f"{sequence}.stf",
        slice_id=slice_id,
        tf_first=0,
        tf_last=2,
        tf_count=3,
        status="completed",
        created_tick=made,
        started_tick=begun,
        finished_tick=done,
    )


def judged(state: RunState) -> WorkerVerdict:
    verdict = worker_verdict(state)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("workers", [205, 206, 225])
def test_workers_that_kept_up_are_not_said_to_have_fallen_behind(workers: int) -> None:
    verdict = took(120, workers)
    assert 0 < (verdict.mean_wait_s or 0) < 1 or workers == 225
    assert (verdict.keeps_up, verdict.basis, verdict.over) == (True, "measured", True)
    assert (verdict.late_slices, verdict.backlog_growth_slices_per_s) == (0, 0.0)


def test_one_worker_less_falls_behind_in_time() -> None:
    verdict = took(1000, 204)
    assert verdict.keeps_up is False
    assert (verdict.backlog_growth_slices_per_s or 0) > 0
    assert (verdict.max_wait_s or 0) > PERIOD


def test_default_run_and_one_with_two_workers_differ() -> None:
    with rolled_back():
        default = took(10, 30, rampup=300.0)
    two = took(10, 2)
    assert (default.keeps_up, two.keeps_up) == (False, False)
    assert (two.mean_wait_s or 0) > 5 * (default.mean_wait_s or 0) > 100
    assert (two.backlog_growth_slices_per_s or 0) > (default.backlog_growth_slices_per_s or 0) > 6
    assert two.capacity_slices_per_s != default.capacity_slices_per_s


def test_a_run_too_short_to_fall_behind_kept_up() -> None:
    verdict = took(2, 30)
    assert (verdict.enough_workers, verdict.keeps_up) == (False, True)
    assert (verdict.max_wait_s, verdict.backlog_growth_slices_per_s) == (0.0, 0.0)
    assert verdict.backlog_slices == 30, "all of them in work"


def test_ramp_up_that_outlasts_data_taking() -> None:
    verdict = took(10, 225, rampup=300.0)
    assert (verdict.enough_workers, verdict.keeps_up) == (True, False)
    assert verdict.late_slices > 100
    assert (verdict.worker_rampup_s, verdict.data_taking_s) == (300.0, 22.0)


def test_ramp_up_that_a_long_run_outgrows() -> None:
    verdict = took(900, 240, rampup=60.0)
    assert (verdict.enough_workers, verdict.keeps_up) == (True, True)
    assert verdict.late_slices > 0


def test_n_stfs_span_n_periods() -> None:
    took(10, 30)
    found = run_statistics(RUN)
    assert found.measured_slices_per_s == pytest.approx(150 / 22)
    assert found.verdict is not None
    assert found.verdict.data_taking_s == 22.0


def test_a_single_stf_spans_one_period() -> None:
    took(1, 30)
    assert run_statistics(RUN).measured_slices_per_s == pytest.approx(15 / 2.2)


def test_standby_between_periods_lets_workers_catch_up() -> None:
    verdict = took(20, 150, gap_after=10)
    assert (verdict.enough_workers, verdict.keeps_up) == (False, True)
    assert verdict.max_wait_s == 0.0


def test_while_data_is_taken_the_backlog_is_that_of_the_last_stf() -> None:
    verdict = took(5, 2, over=False)
    last = FIRST_TICK + 4 * PERIOD
    assert (verdict.over, verdict.at_tick) == (False, last)
    assert (verdict.basis, verdict.keeps_up) == ("schedule", False)
    # Before the last STF there were four, of which two slices were in work.
    assert verdict.backlog_growth_slices_per_s == pytest.approx(58 / (4 * PERIOD))


@pytest.mark.parametrize(("speed", "growth"), [(0.0, None), (1.0, 60 / 8.8)])
def test_slices_that_nobody_took_yet(speed: float, growth: float | None) -> None:
    """At full speed nobody knows when, in simulated time, they will have begun."""
    verdict = took(5, 30, over=False, speed=speed)
    TFSlice.objects.update(status="queued", started_tick=None, finished_tick=None)
    verdict = judged(RunState.objects.get(pk=RUN))
    assert verdict.backlog_growth_slices_per_s == (growth and pytest.approx(growth))
    assert (verdict.late_slices, verdict.mean_wait_s) == (0, None)


def test_second_tries_are_not_taken_for_waiting() -> None:
    took(40, 225)
    TFSlice.objects.filter(slice_id__lt=5).update(retries=1, started_tick=1000.0)
    verdict = judged(RunState.objects.get(pk=RUN))
    assert (verdict.keeps_up, verdict.late_slices, verdict.max_wait_s) == (True, 0, 0.0)


def test_a_backlog_of_second_tries_is_a_backlog() -> None:
    """When first tries began is not kept; but no more than 30 slices are in work at once."""
    took(20, 30)
    TFSlice.objects.update(retries=2)
    verdict = judged(RunState.objects.get(pk=RUN))
    assert (verdict.measured_slices, verdict.late_slices, verdict.max_wait_s) == (0, 0, None)
    # 300 were made in 44 s; 30 were done after 30 s, and 30 were in work.
    assert verdict.backlog_growth_slices_per_s == pytest.approx(240 / 44)
    assert (verdict.basis, verdict.keeps_up) == ("schedule", False)


def test_nothing_is_sampled() -> None:
    verdict = took(0, 1, stf_sampling_rate=0)
    assert (verdict.workers_to_keep_up, verdict.slices_per_s, verdict.keeps_up) == (0, 0.0, True)
    assert verdict.data_taking_s is None


@pytest.mark.parametrize("wrong", ["fast", -1, None, float("inf")])
def test_parameters_that_nobody_checked_give_no_verdict(wrong: object) -> None:
    took(3, 2)
    values = {"fast_processing": {"slice_processing_time": wrong}}
    if wrong == float("inf"):
        values = {"fast_processing": {"slice_processing_time": "inf"}}
    WorkflowExecution.objects.update(parameter_values=values)
    found = run_statistics(RUN)
    assert (found.verdict, found.keeps_up) == (None, None)
    assert found.as_dict()["workers_to_keep_up"] is None
    assert found.slices.created == 45
    assert found.measured_slices_per_s == pytest.approx(15 / 2.2)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, 60),
    st.integers(1, 260),
    st.integers(1, 20),
    st.sampled_from([0.0, 20.0, 300.0]),
    st.booleans(),
)
@example(120, 206, 15, 0.0, True)
def test_a_verdict_never_contradicts_what_is_beside_it(
    stfs: int, workers: int, slices: int, rampup: float, over: bool
) -> None:
    with rolled_back():
        verdict = took(stfs, workers, slices=slices, rampup=rampup, over=over)
    assert verdict.enough_workers is (verdict.target_workers >= verdict.workers_to_keep_up)
    assert (verdict.late_slices > 0) is ((verdict.max_wait_s or 0) > PERIOD + 1e-6)
    assert 0 <= verdict.late_slices <= verdict.measured_slices <= verdict.made_slices
    if verdict.keeps_up and verdict.basis == "measured":
        assert verdict.enough_workers or not verdict.late_slices
        assert rampup or not verdict.backlog_growth_slices_per_s
    if not verdict.keeps_up and verdict.over and verdict.made_slices:
        assert verdict.late_slices
    if not verdict.keeps_up and not verdict.over:
        assert not verdict.enough_workers
