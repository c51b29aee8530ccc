"""One persistent runner, driven from everywhere; and what happens while there is none."""

from __future__ import annotations

import re
import sys

import pytest

from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system

PARAMETERS = {"stf_count": 2, "physics_period_count": 1}


def by_command_line(stack: Stack) -> str:
    return stack.run("run stf_datataking --realtime").stdout.strip()


def by_message(stack: Stack) -> str:
    return command(stack, "run", "--workflow", "stf_datataking", "--realtime").strip()


def by_rest(stack: Stack) -> str:
    request = {"workflow": "stf_datataking", "realtime": True}
    return str(stack.client().post("workflow-executions/start/", request)["execution_id"])


def command(stack: Stack, *words: str, check: bool = True) -> str:
    script = ["workflows/send_workflow_command.py", *words]
    return stack.execute([sys.executable, *script], check=check).stdout


def status(stack: Stack, execution_id: str) -> str:
    return str(stack.execution(execution_id)["status"])


def wait_for(stack: Stack, execution_id: str, wanted: str) -> None:
    wait_until(
        lambda: status(stack, execution_id) == wanted, message=f"{execution_id} not {wanted}"
    )


def without_runner(stack: Stack) -> None:
    """Stop the runner; one that an earlier test killed may count as alive for a while yet."""
    stack.run(["stop-agents", "runner"])

    def none_alive() -> bool:
        agents = stack.client().get("status/")["agents"]
        return not any(
            a["liveness"] == "alive" for a in agents if a["agent_type"] == "workflow_runner"
        )

    wait_until(none_alive)


def test_started_from_anywhere_together_and_stopped_from_anywhere(running):
    runner = next(
        agent["instance_name"]
        for agent in running.client().get("systemagents/")
        if agent["pid"] == running.pid("workflow-runner")
    )
    started = [by_command_line(running), by_message(running), by_rest(running)]
    for execution_id in started:
        assert re.fullmatch(r"stf_datataking-\w+-\d{4}", execution_id)
        wait_for(running, execution_id, "running")
    assert {running.execution(execution_id)["runner"] for execution_id in started} == {runner}

    running.client().post(f"workflow-executions/{started[0]}/stop/", {"reason": "by REST"})
    running.run(["stop-workflow", started[1], "--reason", "by command line"])
    command(running, "stop", "--execution-id", started[2])

    for execution_id in started:
        wait_for(running, execution_id, "terminated")


def test_without_a_runner_an_execution_waits_and_says_so(running):
    without_runner(running)
    record = running.client().post(
        "workflow-executions/start/", {"workflow": "stf_datataking", "parameters": PARAMETERS}
    )
    assert record["status"] == "pending"
    assert "no workflow runner is alive" in record["waiting_for"]
    assert "testbed start-agents" in record["waiting_for"]

    running.run(["start-agents", "runner"])

    wait_for(running, record["execution_id"], "completed")


def test_without_a_runner_an_execution_can_be_stopped(running):
    running.run(["stop-agents", "runner"])
    try:
        record = running.client().post(
            "workflow-executions/start/", {"workflow": "stf_datataking", "parameters": PARAMETERS}
        )
        running.run(["stop-workflow", record["execution_id"], "--reason", "changed my mind"])
        assert status(running, record["execution_id"]) == "terminated"
    finally:
        running.run(["start-agents", "runner"])


def test_once_from_a_shell(running):
    script = ["workflows/workflow_runner.py", "--run-once", "stf_datataking"]
    options = ["--workflow-config", "fast_processing_default", "--stf-count", "10"]
    done = running.execute([sys.executable, *script, *options])

    assert "10 STF" in done.stdout


def test_as_a_library(running):
    code = (
        "from workflows.workflow_runner import WorkflowRunner\n"
        "from swf_common_lib.settings import load_settings\n"
        "url = load_settings().swf_monitor_url\n"
        "print(WorkflowRunner(monitor_url=url).run_workflow('stf_datataking', config_name=None, "
        "duration=3600, realtime=False, stf_count=2, physics_period_count=1))\n"
    )

    execution_id = running.execute([sys.executable, "-c", code]).stdout.split()[-1]

    assert status(running, execution_id) == "completed"


def test_the_command_line_says_when_services_are_not_there(running):
    for name, value in (("SWF_MONITOR_URL", "http://127.0.0.1:9"), ("ACTIVEMQ_PORT", "9")):
        script = ["workflows/workflow_runner.py", "--run-once", "stf_datataking"]
        done = running.execute([sys.executable, *script], check=False, **{name: value})
        assert done.returncode == 1
        assert "127.0.0.1" in done.stderr
        assert "Traceback" not in done.stderr
