"""The DAQ's state machine: what it broadcasts, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import simpy

import workflows
from swf_common_lib.config import expand
from workflows.epic_fast_processing import WorkflowExecutor as EpicFastProcessing
from workflows.runner.clock import Clock
from workflows.stf_datataking import WorkflowExecutor
from workflows.testing import RecordingRunner

WORKFLOWS = Path(workflows.__file__).parent
SHORT = {
    "no_beam_not_ready_delay": 10,
    "broadcast_delay": 1,
    "beam_not_ready_delay": 5,
    "beam_ready_delay": 2,
    "physics_period_count": 2,
    "physics_period_duration": 10,
    "standby_duration": 30,
    "beam_not_ready_end_delay": 5,
    "stf_interval": 2,
    "stf_generation_time": 0.1,
}


def take_data(
    parameters: dict[str, Any], *, duration: float = 0, stop_at: float | None = None
) -> tuple[RecordingRunner, simpy.Environment]:
    env = simpy.Environment()
    runner = RecordingRunner(env)
    config = {"testbed": {"namespace": "trial"}, "daq_state_machine": {**SHORT, **parameters}}
    executor = WorkflowExecutor(config, runner, runner.execution_id)
    clock = Clock(env)
    if stop_at is not None:
        env.timeout(stop_at).callbacks.append(lambda _: clock.stop("enough"))
    clock.run(env.process(executor.execute(env)), duration)
    return runner, env


def ticks(runner: RecordingRunner, msg_type: str) -> list[float]:
    return [round(message["simulation_tick"], 6) for message in runner.sent(msg_type)]


def test_transitions_come_at_their_ticks() -> None:
    runner, env = take_data({})
    seen = [
        (m["msg_type"], m["state"], m["substate"], round(m["simulation_tick"], 6))
        for m in runner.messages
        if m["msg_type"] != "stf_gen"
    ]
    assert seen == [
        ("run_imminent", "beam", "not_ready", 10),
        ("start_run", "run", "physics", 18),
        ("pause_run", "run", "standby", 29),
        ("resume_run", "run", "physics", 60),
        ("end_run", "beam", "not_ready", 71),
    ]
    assert env.now == pytest.approx(77)


def test_stfs_of_a_period_by_duration() -> None:
    runner, _ = take_data({"physics_period_count": 1})
    assert ticks(runner, "stf_gen") == [19, 21.2, 23.4, 25.6, 27.8]
    assert [m["sequence"] for m in runner.sent("stf_gen")] == [1, 2, 3, 4, 5]
    assert runner.sent("stf_gen")[0]["filename"] == "swf.100001.000001.stf"
    assert runner.sent("end_run")[0]["total_stf_files"] == 5


def test_stf_count_is_for_each_period_without_interval_after_the_last() -> None:
    runner, _ = take_data({"stf_count": 3})
    assert ticks(runner, "stf_gen") == [19, 21.2, 23.4, 55.6, 57.8, 60.0]
    assert ticks(runner, "pause_run") == [23.6]
    assert ticks(runner, "end_run") == [60.2]
    assert runner.sent("end_run")[0]["total_stf_files"] == 6


def test_default_numbers() -> None:
    for name, stfs, end in (("fast_processing_default", 10, 39.0), ("stf_processing", 246, 623.0)):
        expanded = expand(name, workflow=None, workflows_dir=WORKFLOWS, testbed=None, namespace="t")
        env = simpy.Environment()
        runner = RecordingRunner(env)
        executor = WorkflowExecutor(expanded.sections, runner, "x")
        env.run(env.process(executor.execute(env)))
        assert len(runner.sent("stf_gen")) == stfs
        assert ticks(runner, "end_run") == [end]


def test_envelope_is_complete() -> None:
    runner, _ = take_data({"stf_count": 1, "physics_period_count": 1})
    for message in runner.messages:
        assert message["destination"] == "/topic/epictopic"
        assert message["namespace"] == "trial"
        assert message["sender"] == "recording-runner"
        assert message["execution_id"] == runner.execution_id
        assert message["run_id"] == "100001"
        assert message["timestamp"].endswith("+00:00")
        assert message["time_scale"] == 0
    assert len({m["message_id"] for m in runner.messages}) == len(runner.messages)


def test_no_period_count_goes_on_until_the_duration() -> None:
    runner, env = take_data({"physics_period_count": 0}, duration=1000)
    assert env.now == 1000
    assert len(runner.sent("resume_run")) > 10
    assert runner.messages[-1]["msg_type"] == "end_run"
    assert "duration of 1000 " in runner.messages[-1]["reason"]


@pytest.mark.parametrize("stop_at", [15, 18.5, 20, 35, 60.5])
def test_a_stop_ends_the_run_at_once(stop_at: float) -> None:
    runner, env = take_data({}, stop_at=stop_at)
    last = runner.messages[-1]
    assert (last["msg_type"], last["reason"], last["state"]) == ("end_run", "enough", "beam")
    assert last["simulation_tick"] == env.now == stop_at
    assert last["total_stf_files"] == len(runner.sent("stf_gen"))


@pytest.mark.parametrize("stop_at", [5, 75])
def test_a_stop_where_there_is_no_run_announces_nothing(stop_at: float) -> None:
    runner, _ = take_data({}, stop_at=stop_at)
    assert not [m for m in runner.messages if m.get("reason") == "enough"]
    assert len(runner.sent("end_run")) == (0 if stop_at == 5 else 1)


def test_no_time_in_a_period_gives_no_stf() -> None:
    runner, _ = take_data({"physics_period_duration": 0})
    assert runner.sent("stf_gen") == []
    assert runner.sent("end_run")[0]["total_stf_files"] == 0


def test_older_form_takes_data_alike() -> None:
    expanded = expand(
        "epic_fast_10_workers", workflow=None, workflows_dir=WORKFLOWS, testbed=None, namespace="t"
    )
    env = simpy.Environment()
    runner = RecordingRunner(env)
    executor = EpicFastProcessing(expanded.sections, runner, "x")
    env.run(env.process(executor.execute(env)))
    (imminent,) = runner.sent("run_imminent")
    assert imminent["fast_processing"]["target_worker_count"] == 10
    assert imminent["fast_processing"]["activemq_streams"] == 10
    (end,) = runner.sent("end_run")
    (start,) = runner.sent("start_run")
    assert end["simulation_tick"] - start["simulation_tick"] == pytest.approx(3601)
    assert end["total_stf_files"] == 1637
