"""What a worker process makes of a run's announcement or record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.workers.plan import FAST_PREFETCH, announced_plan, joined_plan, process_workers
from swf_common_lib.messages import RunImminentWorker, SliceContent


def announcement(**changes: Any) -> RunImminentWorker:
    values: dict[str, Any] = {
        "msg_type": "run_imminent_worker",
        "namespace": "it's",
        "run_id": "100001",
        "simulation_tick": 10.0,
        "time_scale": 5.0,
        "target_worker_count": 30,
        "worker_rampup_time": 300,
        "worker_rampdown_time": 60,
        "slice_processing_time": 30,
        "activemq_streams": 3,
    }
    return RunImminentWorker.model_validate({**values, **changes})


@pytest.mark.parametrize(
    ("target", "node", "slots", "expected"),
    [(30, 0, 0, 30), (30, 8, 0, 8), (30, 0, 4, 4), (30, 8, 4, 4), (2, 8, 4, 2), (0, 0, 0, 1)],
)
def test_workers_of_a_process(target: int, node: int, slots: int, expected: int) -> None:
    assert process_workers(target, node, slots) == expected


def test_a_paced_run_takes_no_more_slices_than_it_has_workers() -> None:
    assert announced_plan(announcement(time_scale=1.0), 0).prefetch == 10
    assert announced_plan(announcement(time_scale=1.0, activemq_streams=50), 0).prefetch == 1


@pytest.mark.parametrize(
    ("time_scale", "processing_time", "expected"),
    [(120.0, 30.0, 30 + 30), (1e6, 30.0, 30 + FAST_PREFETCH), (1.0, 0.0, 30 + FAST_PREFETCH)],
)
def test_workers_do_not_wait_for_the_broker_where_slices_are_short(
    time_scale: float, processing_time: float, expected: int
) -> None:
    message = announcement(
        time_scale=time_scale, slice_processing_time=processing_time, activemq_streams=1
    )
    assert announced_plan(message, 0).prefetch == expected


def test_an_unpaced_run_takes_many() -> None:
    plan = announced_plan(announcement(time_scale=0, activemq_streams=1), 0)
    assert plan.prefetch == FAST_PREFETCH
    assert not plan.paced


def test_the_selector_names_run_and_namespace() -> None:
    assert announced_plan(announcement(), 0).selector == "namespace='it''s' AND run_id='100001'"


def test_an_older_announcement_without_pace_costs_no_wall_time() -> None:
    body = announcement().model_dump(exclude={"time_scale", "simulation_tick"})
    plan = announced_plan(RunImminentWorker.model_validate(body), 0)
    assert not plan.paced
    assert plan.start_tick == 0.0


def test_a_run_is_joined_from_the_record_of_its_execution() -> None:
    execution = {
        "execution_id": "x-u-0001",
        "namespace": "n",
        "options": {"speed": 20.0},
        "parameter_values": {
            "fast_processing": {"target_worker_count": 12, "slice_failure_rate": 0.25},
            "infrastructure": {"activemq_streams": 2, "node_parallelism": 5},
        },
    }
    plan = joined_plan("100007", execution, 0)
    assert plan is not None
    assert (plan.workers, plan.streams, plan.time_scale, plan.failure_rate) == (5, 2, 20.0, 0.25)
    assert plan.start_tick is None


def test_a_run_without_fast_processing_is_not_joined() -> None:
    record = {"execution_id": "x", "namespace": "n", "parameter_values": {"stf_processing": {}}}
    assert joined_plan("1", record, 0) is None


@given(rate=st.floats(0, 1), slice_id=st.integers(0, 10**6), retries=st.integers(0, 5))
def test_failures_on_purpose_are_reproducible(rate: float, slice_id: int, retries: int) -> None:
    plan = announced_plan(announcement(slice_failure_rate=rate), 0)
    content = SliceContent(run_id="1", tf_filename="f", slice_id=slice_id)
    assert plan.fails(content, retries) == plan.fails(content, retries)
    if rate == 0:
        assert not plan.fails(content, retries)
    if rate == 1:
        assert plan.fails(content, retries)


def test_the_failure_rate_is_kept() -> None:
    plan = announced_plan(announcement(slice_failure_rate=0.3), 0)
    contents = [SliceContent(run_id="1", tf_filename="f", slice_id=n) for n in range(2000)]
    failed = sum(plan.fails(content, 0) for content in contents)
    assert 520 < failed < 680
