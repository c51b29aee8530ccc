"""One execution with a real broker: what it sends, reports and does when asked."""

from __future__ import annotations

import io
import queue
import threading
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from tests.broker_process import BrokerProcess
from tests.integration.workflows.conftest import Listener
from tests.integration.workflows.scripted_monitor import ScriptedMonitor
from tests.waiting import PATIENCE, wait_until
from workflows.runner.display import follow, summary
from workflows.runner.execution import UNCONFIRMED_LOOK, UNCONFIRMED_MOST, Execution

Launch = Callable[..., Execution]
ENDLESS = {"physics_period_count": 0, "stf_count": 3}

FAILING = """
class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.runner = runner

    def execute(self, env):
        self.runner.send_message("/topic/epictopic", {"msg_type": "run_imminent", "run_id": "9"})
        yield env.timeout(1)
        raise LookupError("the beam is gone")
"""
REFUSING = """
from swf_common_lib.errors import ConfigurationError


class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        raise ConfigurationError(["daq.depth: expected a number"])
"""
CARELESS = """
class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.runner = runner

    def execute(self, env):
        self.runner.send_message("/topic/epictopic", {"msg_type": "start_run", "run_id": "100009"})
        while True:
            yield env.timeout(1)
"""
HOLDING = CARELESS.replace(
    "while True:", "import os, time\n        while 'LET_GO' not in os.environ:"
).replace("yield env.timeout(1)", "time.sleep(0.01)\n        yield env.timeout(1)")


def test_a_fast_run(launch: Launch, listener: Listener, monitor: ScriptedMonitor) -> None:
    execution = launch()
    assert execution.join(PATIENCE)
    listener.wait_for("end_run")
    kinds = [m["msg_type"] for m in listener.messages]
    assert kinds == ["run_imminent", "start_run", *["stf_gen"] * 5, "end_run"]
    assert {m["sender"] for m in listener.messages} == {"runner-under-test"}
    (report,) = monitor.reports[execution.execution_id]
    assert (report["status"], report["status_reason"]) == ("completed", "")
    assert report["end_cause"] == "finished"
    metrics = report["performance_metrics"]
    assert (metrics["messages_sent"], metrics["stf_files"]) == (8, 5)
    assert metrics["simulated_seconds"] == pytest.approx(16)
    assert metrics["publish_latency_ms"]["max"] > 0
    environment = report["execution_environment"]
    assert (environment["mode"], environment["packages"]["simpy"][0]) == ("fast", "4")


def test_stop_while_physics_goes_on_in_real_time(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor
) -> None:
    execution = launch(speed=10.0, no_beam_not_ready_delay=0, stf_interval=3600)
    listener.wait_for("stf_gen")
    reached: queue.SimpleQueue[str] = queue.SimpleQueue()
    execution.stop("shift is over", reached.put)
    assert execution.join(PATIENCE)  # the period itself takes half an hour
    end = listener.wait_for("end_run")
    assert (end["reason"], end["total_stf_files"]) == ("shift is over", 1)
    assert reached.get(timeout=PATIENCE) == "terminated"
    (report,) = monitor.reports[execution.execution_id]
    assert (report["status"], report["status_reason"]) == ("terminated", "shift is over")
    assert report["end_cause"] == "stopped"


def test_pause_and_resume(launch: Launch, listener: Listener, monitor: ScriptedMonitor) -> None:
    execution = launch(speed=20.0, stf_count=1_000_000)  # between periods the DAQ pauses by itself
    listener.wait_for("stf_gen")
    reached: queue.SimpleQueue[str] = queue.SimpleQueue()
    execution.pause("coffee", reached.put)
    assert reached.get(timeout=PATIENCE) == "paused"
    pause = listener.wait_for("pause_run")
    assert (pause["reason"], pause["substate"]) == ("coffee", "standby")
    execution.resume(reached.put)
    assert reached.get(timeout=PATIENCE) == "running"
    resume = listener.wait_for("resume_run")
    assert resume["simulation_tick"] == pause["simulation_tick"]
    kinds = [message["msg_type"] for message in listener.messages]
    assert kinds.index("resume_run") == kinds.index("pause_run") + 1
    listener.wait_for("stf_gen", count=3)
    assert monitor.statuses(execution.execution_id) == ["paused", "running"]


def test_an_endless_fast_run_obeys_at_once(launch: Launch, listener: Listener) -> None:
    execution = launch(**ENDLESS)
    wait_until(lambda: execution.handle.messages_sent > 500)
    reached: queue.SimpleQueue[str] = queue.SimpleQueue()
    execution.pause("", reached.put)
    assert reached.get(timeout=PATIENCE) == "paused"
    sent = execution.handle.messages_sent
    listener.wait_for("pause_run")
    assert execution.handle.messages_sent == sent
    execution.stop("enough")
    assert execution.join(PATIENCE)
    end = listener.wait_for("end_run")
    assert end["total_stf_files"] == execution.handle.stf_files


def test_failure_is_reported_with_its_trace(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor
) -> None:
    execution = launch(FAILING)
    assert execution.join(PATIENCE)
    (report,) = monitor.reports[execution.execution_id]
    assert (report["status"], report["end_cause"]) == ("failed", "workflow_raised")
    assert report["error_message"] == "LookupError: the beam is gone"
    assert 'raise LookupError("the beam is gone")' in report["stack_trace"]
    end = listener.wait_for("end_run")
    assert "the beam is gone" in end["reason"]


def test_code_that_is_no_workflow_fails(launch: Launch, monitor: ScriptedMonitor) -> None:
    execution = launch("import nothing_of_this_name")
    assert execution.join(PATIENCE)
    (report,) = monitor.reports[execution.execution_id]
    assert (report["status"], report["end_cause"]) == ("failed", "workflow_raised")
    assert "nothing_of_this_name" in report["error_message"]


def test_a_configuration_that_its_code_refuses(launch: Launch, monitor: ScriptedMonitor) -> None:
    execution = launch(REFUSING)
    assert execution.join(PATIENCE)
    (report,) = monitor.reports[execution.execution_id]
    assert (report["status"], report["end_cause"]) == ("failed", "configuration")


def test_end_run_is_sent_in_place_of_a_workflow_that_does_not(
    launch: Launch, listener: Listener
) -> None:
    execution = launch(CARELESS, speed=1.0)
    listener.wait_for("start_run")
    execution.stop("enough")
    assert execution.join(PATIENCE)
    end = listener.wait_for("end_run")
    assert (end["reason"], end["run_id"]) == ("enough", "100009")


def test_duration_ends_a_run_that_counts_as_completed(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor
) -> None:
    execution = launch(duration=100, **ENDLESS)
    assert execution.join(PATIENCE)
    (report,) = monitor.reports[execution.execution_id]
    assert (report["status"], report["end_cause"]) == ("completed", "duration_reached")
    assert "100" in report["status_reason"]
    assert "100" in listener.wait_for("end_run")["reason"]


def test_a_monitor_that_is_away_is_waited_for(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor
) -> None:
    execution = launch()
    listener.wait_for("start_run")
    assert execution.join(PATIENCE)
    monitor.away = True
    later = launch(speed=100.0, no_beam_not_ready_delay=0)
    monitor.asked_while_away.clear()
    assert monitor.asked_while_away.wait(PATIENCE)
    monitor.away = False
    assert later.join(PATIENCE)
    assert monitor.statuses(later.execution_id) == ["completed"]


def test_the_end_is_reported_once_the_monitor_is_back(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor
) -> None:
    execution = launch(speed=5.0, **ENDLESS)
    listener.wait_for("start_run")
    monitor.away = True
    execution.stop("enough")
    listener.wait_for("end_run")
    assert monitor.asked_while_away.wait(PATIENCE)
    assert execution.join(0) is False
    monitor.away = False
    assert execution.join(PATIENCE)
    assert monitor.statuses(execution.execution_id) == ["terminated"]


def test_a_stop_while_the_run_number_is_waited_for(
    launch: Launch, monitor: ScriptedMonitor
) -> None:
    monitor.away = True
    execution = launch()
    wait_until(lambda: execution.env.active_process is not None)
    execution.stop("enough")
    monitor.away = False
    assert execution.join(PATIENCE)
    assert monitor.statuses(execution.execution_id) == ["terminated"]


def test_an_abandoned_execution_says_nothing_more(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor
) -> None:
    execution = launch(speed=5.0, **ENDLESS)
    listener.wait_for("start_run")
    execution.abandon("somebody else ended it")
    assert execution.join(PATIENCE)
    assert "end_run" not in {m["msg_type"] for m in listener.take()}
    assert monitor.reports == {}


def test_who_waits_for_an_abandoned_execution_is_answered(
    launch: Launch, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = launch(HOLDING)
    listener.wait_for("start_run")
    told: list[str] = []
    execution.stop("enough", told.append)
    assert told == []
    execution.abandon("somebody else ended it")
    assert told == ["terminated"]
    monkeypatch.setenv("LET_GO", "yes")
    assert execution.join(PATIENCE)


def test_code_that_does_not_let_go_is_ended_from_outside(
    launch: Launch, listener: Listener, monitor: ScriptedMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = launch(HOLDING)
    listener.wait_for("start_run")
    execution.force_end("the runner stops")
    assert listener.wait_for("end_run")["reason"] == "the runner stops"
    wait_until(lambda: monitor.statuses(execution.execution_id) == ["terminated"])
    assert monitor.reports[execution.execution_id][0]["end_cause"] == "runner_stopped"
    monkeypatch.setenv("LET_GO", "yes")
    assert execution.join(PATIENCE)


def test_a_lost_broker_is_waited_for_and_stops_are_heard(
    launch: Launch, broker: BrokerProcess, monitor: ScriptedMonitor
) -> None:
    execution = launch(**ENDLESS)
    wait_until(lambda: execution.handle.messages_sent > 100)
    broker.kill()
    confirmed = execution.handle.messages_sent  # or fewer
    try:
        wait_until(lambda: execution.handle.messages_sent > UNCONFIRMED_MOST)
        wait_until(lambda: _steady(execution))
        execution.pause("")
        wait_until(lambda: execution.clock.paused)
        most = confirmed + UNCONFIRMED_MOST + 2 * UNCONFIRMED_LOOK
        assert execution.handle.messages_sent <= most
        execution.stop("enough")
        assert not execution.join(0.2)
    finally:
        broker.start()
    assert execution.join(PATIENCE)
    assert monitor.statuses(execution.execution_id) == ["paused", "terminated"]


def _steady(execution: Execution) -> bool:
    sent = execution.handle.messages_sent
    time.sleep(0.1)
    return execution.handle.messages_sent == sent


@pytest.mark.parametrize("terminal", [True, False])
def test_an_execution_is_shown_while_it_runs(launch: Launch, terminal: bool) -> None:
    shown = io.StringIO()
    execution = launch(speed=10.0, stf_count=1_000_000)

    def end_when_seen() -> None:
        wait_until(lambda: "run/physics" in shown.getvalue())
        execution.stop("seen")

    ending = threading.Thread(target=end_when_seen)
    ending.start()
    follow(execution, Console(file=shown, force_terminal=terminal, width=120))
    ending.join()
    assert "terminated: seen" in summary(execution, 0.5)
    assert f"{execution.handle.stf_files} STF files" in summary(execution, 0.5)
