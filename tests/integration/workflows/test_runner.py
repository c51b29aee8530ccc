"""The persistent runner, driven by command line and REST: start, stop, pause, resume, status."""

from __future__ import annotations

import re

import pytest

from swf_common_lib.errors import Conflict, NotFound
from tests.integration.workflows.conftest import Listener
from tests.integration.workflows.installation import Installation
from tests.waiting import PATIENCE, wait_until

ENDLESS_RUN = {"stf_count": 1_000_000}
"""One physics period that only a test ends: between periods the DAQ pauses by itself."""
ENDLESS = ("--workflow", "stf_datataking", "--config", "quick", "--stf-count", "1000000")


def test_run_by_command(runner: Installation, heard: Listener) -> None:
    execution_id = runner.run()
    assert re.fullmatch(r"stf_datataking-\w+-\d{4,}", execution_id)
    record = runner.reaches(execution_id, "completed")
    heard.wait_for("end_run", execution_id)
    sent = [m for m in heard.messages if m["execution_id"] == execution_id]
    assert len(sent) == record["performance_metrics"]["messages_sent"] == 6
    assert record["performance_metrics"]["stf_files"] == 3
    assert record["execution_environment"]["mode"] == "fast"
    assert record["namespace"] == "trial"
    assert record["runner"].startswith("workflow_runner-agent-")


def test_run_over_rest(runner: Installation) -> None:
    execution_id = runner.start(parameters={"stf_count": 4})
    record = runner.reaches(execution_id, "completed")
    assert record["performance_metrics"]["stf_files"] == 4


def test_a_faulty_run_is_refused_with_the_nearest_name(runner: Installation) -> None:
    done = runner.command("run", "--workflow", "stf_datataking", "--set", "stf_cuont=5")
    assert done.returncode == 1
    assert "stf_cuont" in done.stderr
    assert "stf_count" in done.stderr
    done = runner.command("run", "--workflow", "stf_datatakin")
    assert done.returncode == 1
    assert "stf_datataking" in done.stderr
    done = runner.command("--testbed-config", "no-such.toml", "run")
    assert done.returncode == 1
    assert "no-such.toml" in done.stderr


def test_two_at_once_paused_resumed_and_stopped(runner: Installation, heard: Listener) -> None:
    first = runner.run(*ENDLESS, "--realtime")
    second = runner.start(parameters=ENDLESS_RUN, speed=20)
    heard.wait_for("stf_gen", first)
    heard.wait_for("stf_gen", second)
    status = runner.command("status").stdout
    assert first in status
    assert second in status

    done = runner.command("pause", "--execution-id", first, "--reason", "coffee")
    assert (done.returncode, done.stdout.strip()) == (0, f"{first} is paused")
    assert runner.execution(first)["status"] == "paused"
    assert heard.wait_for("pause_run", first)["reason"] == "coffee"
    done = runner.command("resume", "--execution-id", first)
    assert (done.returncode, done.stdout.strip()) == (0, f"{first} is running")
    heard.wait_for("resume_run", first)

    client = runner.client
    client.post(f"workflow-executions/{second}/pause/", {"reason": "tea"})
    runner.reaches(second, "paused")
    client.post(f"workflow-executions/{second}/resume/", {})
    runner.reaches(second, "running")
    client.post(f"workflow-executions/{second}/stop/", {"reason": "seen enough"})
    assert runner.reaches(second, "terminated")["status_reason"] == "seen enough"
    assert heard.wait_for("end_run", second)["reason"] == "seen enough"

    done = runner.command("stop", "--execution-id", first)
    assert (done.returncode, done.stdout.strip()) == (0, f"{first} is terminated")
    record = runner.execution(first)
    assert record["status"] == "terminated"
    assert "stop requested by" in record["status_reason"]
    heard.wait_for("end_run", first)


def test_commands_for_what_is_over_or_unknown(runner: Installation) -> None:
    over = runner.start()
    runner.reaches(over, "completed")
    for execution_id, said in (
        (over, f"{over} is completed already"),
        (f"{over}9", "there is no execution"),
    ):
        done = runner.command("stop", "--execution-id", execution_id)
        assert done.returncode == 1
        assert said in done.stderr
        for command in ("stop", "pause", "resume"):
            answer = runner.ask(f"{command}_workflow", execution_id)
            assert not answer["ok"]
            assert said in answer["detail"]
            assert answer["hint"]
            with pytest.raises((Conflict, NotFound)):
                runner.client.post(f"workflow-executions/{execution_id}/{command}/", {})


def test_a_failure_is_on_record(runner: Installation, heard: Listener) -> None:
    execution_id = runner.start(workflow="own_failing", config=None)
    record = runner.reaches(execution_id, "failed")
    assert record["error_message"] == "LookupError: the beam is gone"
    assert 'raise LookupError("the beam is gone")' in record["stack_trace"]
    assert "the beam is gone" in heard.wait_for("end_run", execution_id)["reason"]


def test_status_of_one(runner: Installation) -> None:
    execution_id = runner.start()
    runner.reaches(execution_id, "completed")
    done = runner.command("status", "--execution-id", execution_id)
    assert done.returncode == 0
    assert "status=completed" in done.stdout
    assert runner.command("status", "--execution-id", "nobody").returncode == 1


def test_garbage_on_the_queue_does_no_harm(runner: Installation) -> None:
    from swf_common_lib.messaging import RUNNER_CONTROL, WORKFLOW_CONTROL, MessageBus

    bus = MessageBus(runner.settings)
    bus.start(PATIENCE)
    for destination in (WORKFLOW_CONTROL, RUNNER_CONTROL):
        for body in (
            {"msg_type": "no_such_command"},
            {"msg_type": "stop_workflow"},
            {"msg_type": "run_workflow", "workflow_name": ["x"], "params": 3},
            {"msg_type": 7},
            {},
        ):
            bus.publish(destination, body)
    bus.flush(PATIENCE)
    bus.close()
    runner.reaches(runner.run(), "completed")


def test_a_start_on_the_topic_that_all_runners_hear_starts_nothing(runner: Installation) -> None:
    from swf_common_lib.messaging import RUNNER_CONTROL, MessageBus

    before = len(runner.client.get("workflow-executions/"))
    bus = MessageBus(runner.settings)
    bus.start(PATIENCE)
    bus.publish(RUNNER_CONTROL, {"msg_type": "run_workflow", "workflow_name": "stf_datataking"})
    bus.close()
    runner.reaches(runner.run(), "completed")
    assert len(runner.client.get("workflow-executions/")) == before + 1


def test_a_start_beyond_the_limit_waits(installation: Installation, heard: Listener) -> None:
    installation.start_runner("--max-executions", "2")
    held = [installation.start(parameters=ENDLESS_RUN, realtime=True) for _ in range(2)]
    waiting = [installation.start(), installation.start()]
    for execution_id in held:
        heard.wait_for("start_run", execution_id)
    assert installation.ask("status_request", held[0])["ok"]  # what was to be taken is taken
    assert [installation.execution(e)["status"] for e in waiting] == ["pending"] * 2
    assert installation.ask("stop_workflow", held[0])["ok"]
    for execution_id in waiting:
        installation.reaches(execution_id, "completed")
    assert installation.execution(held[1])["status"] == "running"
    assert installation.ask("stop_workflow", held[1])["ok"]


def test_commands_find_the_owner_among_several_runners(
    installation: Installation, heard: Listener
) -> None:
    for _ in range(3):
        installation.start_runner("--max-executions", "1")
    held = [installation.start(parameters=ENDLESS_RUN, realtime=True) for _ in range(3)]
    for execution_id in held:
        installation.reaches(execution_id, "running")
    owners = {installation.execution(execution_id)["runner"] for execution_id in held}
    assert len(owners) == 3
    for execution_id in held:
        for command, status in (("pause", "paused"), ("resume", "running"), ("stop", "terminated")):
            answer = installation.ask(f"{command}_workflow", execution_id)
            assert (answer["ok"], answer["status"]) == (True, status)
            assert installation.execution(execution_id)["status"] == status


def test_a_stop_takes_effect_between_two_files(runner: Installation, heard: Listener) -> None:
    execution_id = runner.start(parameters={"stf_interval": 3600}, realtime=True)
    heard.wait_for("stf_gen", execution_id)
    runner.client.post(f"workflow-executions/{execution_id}/stop/", {"reason": "now"})
    heard.wait_for("end_run", execution_id)  # long before the next file is due
    wait_until(lambda: runner.execution(execution_id)["status"] == "terminated")
