"""One workflow and the end: on the command line, as a library, inside somebody's environment."""

from __future__ import annotations

import pytest
import simpy

from swf_common_lib.errors import BrokerUnavailable, ConfigurationError, WorkflowFailed
from swf_common_lib.settings import Settings
from tests.integration.workflows.conftest import Listener
from tests.integration.workflows.installation import Installation
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until
from workflows.workflow_runner import WorkflowRunner
from workflows.workflow_simulator import WorkflowSimulator


@pytest.fixture
def here(installation: Installation) -> Settings:
    return installation.settings


def test_once_on_the_command_line(installation: Installation, heard: Listener) -> None:
    done = installation.once(
        *("stf_datataking", "--workflow-config", "fast_processing_default", "--stf-count", "10")
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    execution_id = done.stdout.split()[0]
    assert f"{execution_id} completed" in done.stdout
    assert "10 STF files" in done.stdout
    record = installation.execution(execution_id)
    assert record["status"] == "completed"
    assert record["started_through"] == "once"
    assert heard.wait_for("end_run", execution_id)["total_stf_files"] == 10


def test_once_with_nothing_but_testbed_toml(installation: Installation) -> None:
    done = installation.once()
    assert done.returncode == 0, done.stderr
    assert "3 STF files" in done.stdout


def test_once_ends_with_its_duration(installation: Installation) -> None:
    done = installation.once(
        *("stf_datataking", "--physics-period-count", "0", "--duration", "500"),
        *("--set", "daq_state_machine.standby_duration=1"),
    )
    assert done.returncode == 0, done.stderr
    assert "duration of 500" in done.stdout


def test_once_that_fails(installation: Installation) -> None:
    done = installation.once("own_failing")
    assert done.returncode == 1
    assert "LookupError: the beam is gone" in done.stdout
    assert installation.execution(done.stdout.split()[0])["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stf_datataking", "--set", "stf_cuont=5"], "stf_count"),
        (["stf_datatakin"], "stf_datataking"),
        (["stf_datataking", "--workflow-config", "fast_procesing_default"], "fast_processing"),
        (["stf_datataking", "--stf-count", "-1"], "stf_count"),
        (["stf_datataking", "--testbed-config", "no-such.toml"], "no-such.toml"),
        (["stf_datataking", "--duration", "-3"], "duration"),
    ],
)
def test_once_that_cannot_be_meant(
    installation: Installation, arguments: list[str], said: str
) -> None:
    done = installation.once(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("missing", "said"), [("ACTIVEMQ_PORT", "broker"), ("SWF_MONITOR_URL", "monitor")]
)
def test_once_without_a_service(installation: Installation, missing: str, said: str) -> None:
    nowhere = str(free_port())
    if missing == "SWF_MONITOR_URL":
        nowhere = f"http://127.0.0.1:{nowhere}"
    done = installation.once("stf_datataking", **{missing: nowhere})
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    done = installation.command("status", **{"ACTIVEMQ_PORT": str(free_port())})
    assert done.returncode == 1
    assert "broker" in done.stderr


def test_no_runner_to_hear_a_command(installation: Installation) -> None:
    done = installation.command("--timeout", "0.5", "status")
    assert done.returncode == 1
    assert "nobody answered" in done.stderr
    done = installation.command("--timeout", "0.5", "run")
    assert done.returncode == 0, done.stderr
    assert "pending" in done.stderr
    execution_id = done.stdout.strip()
    executions = installation.client.get("workflow-executions/")
    installation.start_runner()
    installation.reaches(execution_id, "completed")
    # The command itself was in the queue all the time; taken late it starts nothing more.
    assert len(installation.client.get("workflow-executions/")) == len(executions)


def test_as_a_library(here: Settings, installation: Installation) -> None:
    with WorkflowRunner(settings=here) as runner:
        first = runner.run_workflow("stf_datataking", "quick", stf_count=2)
        second = runner.run_by_name("stf_datataking", "1.0", {"stf_count": 4, "stf_interval": 1.5})
        with pytest.raises(WorkflowFailed, match="the beam is gone"):
            runner.run_workflow("own_failing")
        with pytest.raises(ConfigurationError, match="stf_count"):
            runner.run_workflow("stf_datataking", stf_cuont=2)
    assert installation.execution(first)["performance_metrics"]["stf_files"] == 2
    assert installation.execution(second)["status"] == "completed"


def test_as_a_library_by_url(
    here: Settings, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in installation.environ.items():
        if name.startswith(("SWF_", "ACTIVEMQ_")):
            monkeypatch.setenv(name, value)
    runner = WorkflowRunner(monitor_url=here.swf_monitor_url)
    try:
        execution_id = runner.run_workflow("stf_datataking", "quick", duration=3600)
        runner.close()
        again = runner.run_workflow("stf_datataking", "quick")
    finally:
        runner.close()
    for each in (execution_id, again):
        assert installation.execution(each)["status"] == "completed"


def test_as_a_library_without_broker(here: Settings) -> None:
    runner = WorkflowRunner(settings=here.model_copy(update={"activemq_port": free_port()}))
    with pytest.raises(BrokerUnavailable):
        runner.run_workflow("stf_datataking", "quick")


def test_a_once_run_is_stopped_over_rest(here: Settings, installation: Installation) -> None:
    with WorkflowRunner(settings=here) as runner:
        request = {"workflow": "stf_datataking", "config": "quick", "realtime": True}
        execution = runner.begin(request)
        path = f"workflow-executions/{execution.execution_id}/stop/"
        installation.client.post(path, {"reason": "not now"})
        assert execution.join(PATIENCE)
    record = installation.execution(execution.execution_id)
    assert (record["status"], record["status_reason"]) == ("terminated", "not now")


def test_what_the_monitor_gave_away_is_let_go(here: Settings, installation: Installation) -> None:
    with WorkflowRunner(settings=here) as runner:
        request = {"workflow": "stf_datataking", "config": "quick", "realtime": True}
        execution = runner.begin({**request, "parameters": {"beam_ready_delay": 3600}})
        wait_until(lambda: execution.handle.messages_sent)
        runner.heartbeat_answered({"lost_executions": [execution.execution_id, "unknown"]})
        assert execution.join(PATIENCE)
        sent = execution.handle.messages_sent
    assert installation.execution(execution.execution_id)["status"] == "running"
    assert execution.handle.messages_sent == sent == 1


def test_inside_somebodys_environment(
    here: Settings, installation: Installation, heard: Listener
) -> None:
    env = simpy.Environment(initial_time=1000)
    with WorkflowRunner(settings=here) as runner:
        simulator = WorkflowSimulator(env, "stf_datataking", config_file="quick", runner=runner)
        env.process(simulator.run_simulation())
        env.run()
    assert installation.execution(simulator.execution_id)["status"] == "completed"
    assert heard.wait_for("run_imminent", simulator.execution_id)["simulation_tick"] == 1
    heard.wait_for("end_run", simulator.execution_id)
    assert len([m for m in heard.messages if m["msg_type"] == "stf_gen"]) >= 3


def test_a_failure_inside_somebodys_environment(here: Settings, installation: Installation) -> None:
    env = simpy.Environment()
    with WorkflowRunner(settings=here) as runner:
        simulator = WorkflowSimulator(env, "own_failing", runner=runner)
        env.process(simulator.run_simulation())
        with pytest.raises(LookupError):
            env.run()
    assert installation.execution(simulator.execution_id)["status"] == "failed"
