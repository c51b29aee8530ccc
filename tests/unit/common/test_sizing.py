"""The load of a run and the workers that keep up with it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from agents.sampling import choose_sample, cut
from agents.workers.pool import WorkerPool
from swf_common_lib.config import expand
from swf_common_lib.sizing import (
    STF_ANNOUNCEMENT_SECONDS,
    Sizing,
    requested_stfs,
    sizing,
)
from workflows.stf_datataking import WorkflowExecutor

WORKFLOWS = Path(__file__).parents[3] / "workflows"
EXPANDED = {"daq_state_machine": {}, "fast_processing": {}}

TIMES = st.floats(0.001, 1000).map(lambda value: round(value, 3))
FAST = st.fixed_dictionaries(
    {},
    optional={
        "stf_interval": TIMES,
        "stf_generation_time": st.floats(0, 100).map(lambda value: round(value, 3)),
        "target_worker_count": st.integers(1, 100_000),
        "stf_sampling_rate": st.floats(0, 1),
        "slices_per_sample": st.integers(1, 10_000),
        "slice_processing_time": TIMES,
        "worker_rampup_time": st.floats(0, 1000),
        "retry_max_attempts": st.integers(1, 100),
        "slice_failure_rate": st.floats(0, 1),
    },
)


def sized(**fast: Any) -> Sizing:
    """Size fast processing with these values, each in its own place or not."""
    found = sizing({"daq_state_machine": {}, "fast_processing": fast})
    assert found is not None
    return found


def test_the_default_as_it_is_executed_and_as_the_documents_say() -> None:
    found = sized()
    assert found.stf_period_s == 2.2
    assert found.slices_per_stf == 15
    assert found.slices_per_s == pytest.approx(6.8182, abs=1e-4)
    assert found.capacity_slices_per_s == 1.0
    assert found.workers_to_keep_up == 205
    assert found.growth_slices_per_s == pytest.approx(5.8182, abs=1e-4)
    assert (found.nominal_slices_per_s, found.nominal_workers) == (7.5, 225)


@pytest.mark.parametrize(
    ("config", "slices_per_s", "workers", "to_keep_up"),
    [
        ("fast_processing_default", 15 / 2.2, 30, 205),
        ("stf_datataking_default", 15 / 2.2, 30, 205),
        ("epic_fast_10_workers", 15 / 2.2, 10, 205),
        ("epic_fast_50_workers", 15 / 2.2, 50, 205),
    ],
)
def test_shipped_configurations(
    config: str, slices_per_s: float, workers: int, to_keep_up: int
) -> None:
    found = sizing(sections_of(config))
    assert found is not None
    assert found.slices_per_s == pytest.approx(slices_per_s)
    assert (found.workers, found.workers_to_keep_up) == (workers, to_keep_up)


@pytest.mark.parametrize("config", ["stf_processing_default", "daq_state_machine"])
def test_no_fast_processing_has_no_size(config: str) -> None:
    assert sizing(sections_of(config)) is None


def sections_of(config: str) -> dict[str, dict[str, Any]]:
    return expand(
        config, workflow=None, workflows_dir=WORKFLOWS, testbed=None, namespace="tests"
    ).sections


@given(FAST)
def test_workers_to_keep_up_keep_up_and_one_less_do_not(fast: dict[str, Any]) -> None:
    needed = sized(**fast).workers_to_keep_up
    if not needed:
        assert sized(**fast).enough_workers
        return
    enough, fewer = (sized(**{**fast, "target_worker_count": n}) for n in (needed, needed - 1))
    assert enough.enough_workers
    assert enough.growth_slices_per_s == 0
    assert enough.capacity_slices_per_s >= enough.slices_per_s * (1 - 1e-9)
    assert not fewer.enough_workers
    # One worker is needed for any slice at all; below that, capacity is short.
    assert fewer.capacity_slices_per_s <= fewer.slices_per_s * (1 + 1e-9)


@given(
    FAST,
    st.sampled_from(
        [
            ("stf_interval", 1.0, -1),
            ("stf_generation_time", 1.0, -1),
            ("slice_processing_time", 1.0, 1),
            ("slices_per_sample", 1, 1),
            ("stf_sampling_rate", 0.1, 1),
            ("target_worker_count", 1, 0),
            ("retry_max_attempts", 1, 0),
            ("worker_rampup_time", 10.0, 0),
        ]
    ),
)
def test_each_parameter_pulls_one_way(
    fast: dict[str, Any], parameter: tuple[str, float, int]
) -> None:
    name, step, direction = parameter
    defaults = {"stf_interval": 2, "stf_generation_time": 0.1, "slice_processing_time": 30}
    others = {
        "slices_per_sample": 15,
        "stf_sampling_rate": 0.05,
        "target_worker_count": 30,
        "retry_max_attempts": 3,
        "worker_rampup_time": 300,
    }
    value = fast.get(name, {**defaults, **others}[name])
    less, more = sized(**fast), sized(**{**fast, name: value + step})
    change = more.workers_to_keep_up - less.workers_to_keep_up
    assert change * direction >= 0 if direction else change == 0
    if name == "target_worker_count":
        assert more.capacity_slices_per_s > less.capacity_slices_per_s
        assert more.enough_workers or not less.enough_workers
    if name == "worker_rampup_time":
        assert more.ready_workers(60) <= less.ready_workers(60)


@given(FAST)
def test_nominal_figures_never_lie_below_the_executed_ones(fast: dict[str, Any]) -> None:
    found = sized(**fast)
    assert found.nominal_workers >= found.workers_to_keep_up
    assert found.nominal_slices_per_s >= found.slices_per_s


@given(FAST, st.integers(1, 1000))
def test_slices_are_those_that_the_agents_make(fast: dict[str, Any], sequence: int) -> None:
    found = sized(**fast)
    sample = choose_sample("7", f"{sequence}.stf", 1000, fast.get("stf_sampling_rate", 0.05))
    parts = cut(sample.first, sample.count, fast.get("slices_per_sample", 15)) if sample else []
    assert found.slices_per_stf == len(parts)


@given(st.integers(1, 400), st.floats(0, 400), st.floats(0, 500))
def test_ramp_up_is_that_of_the_worker_pool(count: int, rampup: float, at: float) -> None:
    found = sized(target_worker_count=count, worker_rampup_time=round(rampup, 3))
    pool = WorkerPool(count, 0.0, round(rampup, 3), 0.0)
    ready = sum(worker.ready_tick <= at for worker in pool.workers)
    near = any(abs(worker.ready_tick - at) < 1e-6 for worker in pool.workers)
    assert near or found.ready_workers(at) == ready


@pytest.mark.parametrize("workers", [204, 205, 206])
def test_the_worker_pool_bears_the_verdict_out(workers: int) -> None:
    """The workers' own model agrees: slices wait longer and longer with one worker less."""
    found = sized(target_worker_count=workers)
    pool, waits = WorkerPool(workers, 0.0, 0.0, 0.0), []
    for sequence in range(1500):
        tick = sequence * found.stf_period_s
        waits.append(max(pool.assign(tick, 30.0).started_tick - tick for _ in range(15)))
    late = max(waits[-20:]) > found.stf_period_s
    assert late is not found.enough_workers


class _Recorder:
    monitor_url, api_session, logger = "", None, None

    def __init__(self, env: simpy.Environment) -> None:
        self.env, self.ticks = env, []

    def send_message(self, _destination: str, message: dict[str, Any]) -> None:
        if message["msg_type"] == "stf_gen":
            self.ticks.append(self.env.now)


@given(TIMES, st.floats(0, 5).map(lambda value: round(value, 3)), st.integers(2, 6))
def test_the_period_is_that_of_the_workflow(interval: float, generation: float, count: int) -> None:
    sections = {
        "fast_processing": {},
        "daq_state_machine": {
            "stf_interval": interval,
            "stf_generation_time": generation,
            "stf_count": count,
        },
    }
    env = simpy.Environment()
    recorder = _Recorder(env)
    env.process(WorkflowExecutor(sections, recorder, "x").physics_period(env))
    env.run()
    found = sizing(sections)
    assert found is not None
    steps = [later - earlier for earlier, later in pairwise(recorder.ticks)]
    assert steps == pytest.approx([found.stf_period_s] * (count - 1))
    assert STF_ANNOUNCEMENT_SECONDS == 0.1


@pytest.mark.parametrize(
    ("fast", "slices", "needed"),
    [
        ({"stf_sampling_rate": 0}, 0, 0),
        ({"stf_sampling_rate": 0.004, "slices_per_sample": 15}, 4, 55),
        ({"stf_sampling_rate": 0.0001}, 1, 14),
        ({"slices_per_sample": 10_000, "stf_sampling_rate": 1}, 1000, 13_637),
        ({"stf_interval": 0.1 + 0.2, "stf_generation_time": 0.1}, 15, 900),
        ({"slice_processing_time": 0.001, "slices_per_sample": 1}, 1, 1),
    ],
)
def test_odd_loads(fast: dict[str, Any], slices: int, needed: int) -> None:
    found = sized(**fast)
    assert (found.slices_per_stf, found.workers_to_keep_up) == (slices, needed)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"fast_processing": {"slice_processing_time": "long"}},
        {"fast_processing": {"stf_interval": float("nan")}},
        {"fast_processing": {"slice_processing_time": float("inf")}},
        {"fast_processing": {"target_worker_count": -3}},
        {"fast_processing": {"slices_per_sample": True}},
        {"fast_processing": {"stf_interval": 0}},
        {"fast_processing": {}, "daq_state_machine": {"stf_interval": None}},
        {"parameters": {"worker_count": "ten"}},
        {"parameters": {"stf_interval_sec": 3}},
    ],
)
def test_what_cannot_be_sized_is_not(sections: dict[str, Any]) -> None:
    assert sizing(sections) is None


@pytest.mark.parametrize(
    ("daq", "expected"),
    [
        ({"stf_count": 10}, 30),
        ({"stf_count": 200, "physics_period_count": 1}, 200),
        ({"stf_count": 10, "physics_period_count": 0}, None),
        ({}, None),
        ({"stf_count": "many"}, None),
        ({"stf_count": float("nan")}, None),
        ({"stf_count": 7, "physics_period_count": 2.0}, 14),
    ],
)
def test_requested_stfs(daq: dict[str, Any], expected: int | None) -> None:
    assert requested_stfs({"daq_state_machine": daq}) == expected


def test_requested_stfs_of_the_older_form_are_of_one_period() -> None:
    assert requested_stfs({"parameters": {"stf_count": 9}}) == 9
