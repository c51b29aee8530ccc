"""What an executor sees as its runner."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import pytest
import simpy
from hypothesis import example, given
from hypothesis import strategies as st

from workflows.testing import RecordingRunner

TOPIC = "/topic/epictopic"


@pytest.fixture
def runner() -> RecordingRunner:
    return RecordingRunner(simpy.Environment(initial_time=7))


def test_what_the_caller_says_stays_but_for_who_it_is(runner: RecordingRunner) -> None:
    body = {
        "msg_type": "note",
        "simulation_tick": 3.5,
        "message_id": "mine",
        "sender": "somebody else",
        "namespace": "elsewhere",
    }
    runner.send_message(TOPIC, body)
    (message,) = runner.messages
    assert (message["simulation_tick"], message["message_id"]) == (3.5, "mine")
    assert (message["sender"], message["namespace"]) == ("recording-runner", "trial")
    assert "timestamp" not in body


def test_a_time_without_a_zone_is_local(runner: RecordingRunner) -> None:
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005  (as older workflows write it)
    runner.send_message(TOPIC, {"msg_type": "note", "timestamp": now.isoformat()})
    sent = datetime.fromisoformat(runner.messages[0]["timestamp"])
    assert sent == now.astimezone(timezone.utc)
    assert runner.messages[0]["timestamp"].endswith("+00:00")


@given(
    st.text()
    | st.none()
    | st.integers()
    | st.datetimes().map(datetime.isoformat)
    | st.dates().map(str)
)
@example("0001-01-01")
@example("yesterday")
def test_every_message_has_a_time_in_utc(timestamp: object) -> None:
    runner = RecordingRunner(simpy.Environment())
    runner.send_message(TOPIC, {"msg_type": "note", "timestamp": timestamp})
    sent = runner.messages[0]["timestamp"]
    assert sent.endswith(("+00:00", "Z"))


def test_states_follow_the_messages(runner: RecordingRunner) -> None:
    assert not runner.in_physics
    runner.send_message(TOPIC, {"msg_type": "run_imminent", "run_id": 100007})
    runner.send_message(TOPIC, {"msg_type": "start_run"})
    assert runner.in_physics
    assert runner.messages[-1]["run_id"] == "100007"
    assert (runner.messages[-1]["state"], runner.messages[-1]["substate"]) == ("run", "physics")
    runner.send_message(TOPIC, {"msg_type": "stf_gen", "filename": "x"})
    assert (runner.stf_files, runner.messages[-1]["substate"]) == (1, "physics")


def test_a_held_run_goes_on_after_it(runner: RecordingRunner) -> None:
    runner.hold_run("too early")
    runner.send_message(TOPIC, {"msg_type": "start_run", "run_id": "100007"})
    runner.hold_run("coffee")
    runner.hold_run("coffee again")
    runner.continue_run()
    runner.continue_run()
    assert [m["msg_type"] for m in runner.messages] == ["start_run", "pause_run", "resume_run"]
    assert runner.sent("pause_run")[0]["reason"] == "coffee"
    assert runner.in_physics


def test_a_run_in_standby_stays_there(runner: RecordingRunner) -> None:
    runner.send_message(TOPIC, {"msg_type": "pause_run", "run_id": "100007"})
    runner.hold_run("coffee")
    runner.continue_run()
    assert len(runner.messages) == 1


def test_a_run_is_closed_once(runner: RecordingRunner) -> None:
    runner.close_run("nothing was announced")
    runner.send_message(TOPIC, {"msg_type": "run_imminent", "run_id": "100007"})
    runner.send_message(TOPIC, {"msg_type": "stf_gen", "filename": "x"})
    runner.close_run("broken")
    runner.close_run("broken again")
    (end,) = runner.sent("end_run")
    assert (end["reason"], end["total_stf_files"], end["run_id"]) == ("broken", 1, "100007")


def test_nothing_is_sent_when_muted(runner: RecordingRunner) -> None:
    runner.muted = True
    runner.send_message(TOPIC, {"msg_type": "note"})
    assert (runner.messages, runner.messages_sent) == ([], 0)


def test_log_records_name_execution_and_run(
    runner: RecordingRunner, caplog: pytest.LogCaptureFixture
) -> None:
    runner.initialize_state(100007, "x", {})
    with caplog.at_level(logging.INFO):
        runner.logger.info("hello", extra={"msg_type": "note", "simulation_tick": 5})
    (record,) = caplog.records
    assert record.execution_id == runner.execution_id  # type: ignore[attr-defined]
    assert record.run_id == "100007"  # type: ignore[attr-defined]
    assert record.simulation_tick == 5  # type: ignore[attr-defined]
    assert record.msg_type == "note"  # type: ignore[attr-defined]
