"""What becomes of executions when runner, monitor or broker go away."""

from __future__ import annotations

import signal

from tests.integration.workflows.conftest import Listener
from tests.integration.workflows.installation import Installation
from tests.processes import end
from tests.waiting import wait_until

ENDLESS = {"physics_period_count": 0}


def test_an_orderly_end_terminates_executions(installation: Installation, heard: Listener) -> None:
    runner = installation.start_runner()
    paced = installation.start(parameters=ENDLESS, realtime=True)
    heard.wait_for("start_run", paced)
    fast = installation.start(parameters=ENDLESS)  # what it floods is not more than need be
    heard.wait_for("start_run", fast)
    end(runner)
    assert runner.returncode == 0
    for execution_id in (paced, fast):
        record = installation.execution(execution_id)
        assert record["status"] == "terminated"
        assert "is stopping" in record["status_reason"]
        assert record["end_cause"] == "runner_stopped"
        assert "is stopping" in heard.wait_for("end_run", execution_id)["reason"]
    states = [a["operational_state"] for a in installation.agents() if a["pid"] == runner.pid]
    assert states == ["EXITED"]


def test_a_killed_and_a_suspended_runner_leave_nothing_running(
    installation: Installation, heard: Listener
) -> None:
    runners, executions = [], []
    for _ in range(2):
        runners.append(installation.start_runner("--max-executions", "1"))
        executions.append(installation.start(parameters=ENDLESS, realtime=True))
        heard.wait_for("run_imminent", executions[-1])
    owners = {agent["instance_name"]: agent["pid"] for agent in installation.agents()}
    by_pid = {owners[installation.execution(e)["runner"]]: e for e in executions}
    killed, suspended = runners
    killed.send_signal(signal.SIGKILL)
    suspended.send_signal(signal.SIGSTOP)
    killed.wait()
    for execution_id in executions:
        record = installation.reaches(execution_id, "failed")
        assert "stopped answering" in record["status_reason"]
        assert record["end_cause"] == "runner_lost"
        assert "stopped answering" in heard.wait_for("end_run", execution_id)["reason"]

    said = len([m for m in heard.take() if m["execution_id"] == by_pid[suspended.pid]])
    suspended.send_signal(signal.SIGCONT)
    installation.runners.remove(killed)
    next_one = installation.start()
    installation.reaches(next_one, "completed")
    heard.wait_for("end_run", next_one)
    # It did not go on with what had been ended in its stead.
    now = [m for m in heard.take() if m["execution_id"] == by_pid[suspended.pid]]
    assert len(now) == said


def test_a_pending_execution_waits_for_a_runner(installation: Installation) -> None:
    execution_id = installation.start()
    assert installation.execution(execution_id)["status"] == "pending"
    installation.start_runner()
    installation.reaches(execution_id, "completed")


def test_a_lost_broker_comes_back(installation: Installation) -> None:
    installation.start_runner()
    execution_id = installation.start(parameters={"stf_count": 30}, speed=40)
    wait_until(lambda: installation.execution(execution_id)["status"] != "pending")
    installation.broker.kill()
    installation.broker.start()
    record = installation.reaches(execution_id, "completed")
    assert record["performance_metrics"]["messages_sent"] == 33


def test_a_monitor_that_is_away_is_waited_for(installation: Installation, heard: Listener) -> None:
    installation.start_runner()
    execution_id = installation.start(workflow="own_waiting", config=None, speed=100)
    installation.reaches(execution_id, "running")
    installation.stop_web()
    (installation.home / "go_on").touch()
    heard.wait_for("end_run", execution_id)
    installation.start_web()
    installation.reaches(execution_id, "completed")


def test_a_runner_that_cannot_reach_the_monitor_ends_when_told(
    installation: Installation,
) -> None:
    runner = installation.start_runner()
    execution_id = installation.start(parameters=ENDLESS, realtime=True)
    installation.reaches(execution_id, "running")
    installation.stop_web()
    end(runner)
