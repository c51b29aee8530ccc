"""What agents read from an execution's configuration and from a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.run_parameters import NOTHING, ParametersOfRuns, pace, run_number, run_parameters
from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.errors import InvalidMessage, NotFound
from swf_common_lib.messages import Message
from swf_common_lib.settings import load_settings


@pytest.mark.parametrize(
    ("sections", "fast", "stf_time", "rate"),
    [
        ({}, False, None, 0.0),
        ({"daq_state_machine": {"stf_interval": 2}}, False, None, 0.0),
        ({"stf_processing": {}}, False, 10.0, 0.0),
        ({"stf_processing": {"stf_processing_time": 3}}, False, 3.0, 0.0),
        ({"stf_processing": None, "parameters": 7}, False, 10.0, 0.0),
        ({"fast_processing": {"slice_failure_rate": 0.5}}, True, None, 0.5),
        ({"parameters": {"worker_count": 10, "slice_failure_rate": 0.25}}, True, None, 0.25),
        ({"fast_processing": {}, "stf_processing": {}}, True, 10.0, 0.0),
    ],
)
def test_configuration_says_what_is_asked_for(
    sections: dict[str, Any], fast: bool, stf_time: float | None, rate: float
) -> None:
    parameters = run_parameters(sections)
    assert (parameters.fast is not None) is fast
    assert (parameters.stf_processing_time, parameters.slice_failure_rate) == (stf_time, rate)


@pytest.mark.parametrize("run_id", ["", "x", "-1", "1.5", "¹"])
def test_a_run_must_have_a_number(run_id: str) -> None:
    with pytest.raises(InvalidMessage, match="is not a run number"):
        run_number(Message(msg_type="stf_gen", run_id=run_id))


def test_the_run_number_is_the_run_id() -> None:
    assert run_number(Message(msg_type="stf_gen", run_id="100001")) == 100001


@pytest.mark.parametrize(("scale", "expected"), [(None, 0.0), (0, 0.0), (-1, 0.0), (2.5, 2.5)])
def test_a_message_without_pace_is_unpaced(scale: float | None, expected: float) -> None:
    assert pace(Message(msg_type="stf_ready", time_scale=scale)) == expected


class Agent(BaseAgent):
    """An agent that needs no monitor; the records of its executions are given."""

    agent_type = "tests"

    def __init__(self, home: Path) -> None:
        super().__init__(load_settings(home, {}), "n")
        self.records: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []

    def execution(self, execution_id: str) -> dict[str, Any]:
        self.asked.append(execution_id)
        if execution_id not in self.records:
            raise NotFound("there is no such execution")
        return self.records[execution_id]


def test_an_execution_that_is_not_known_now_may_be_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent(tmp_path)
    parameters = ParametersOfRuns(agent)
    message = Message(msg_type="stf_ready", run_id="7", execution_id="x")
    with caplog.at_level("WARNING"):
        assert [parameters.of(message) for _ in range(3)] == [NOTHING] * 3
    assert caplog.text.count("is not known") == 1
    agent.records["x"] = {"parameter_values": {"stf_processing": {}}}
    agent.asked.clear()
    assert [parameters.of(message).stf_processing_time for _ in range(3)] == [10.0] * 3
    assert agent.asked == ["x"]
