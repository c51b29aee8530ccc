"""The `testbed` command against a running installation."""

from __future__ import annotations

import getpass
import json

import pytest

from swf_common_lib.errors import NotAllowed, NotAuthenticated
from swf_common_lib.monitor_client import MonitorClient
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def test_run_returns_at_once_with_an_execution_that_runs(running):
    execution_id = running.run("run fast_processing --realtime").stdout.strip()

    wait_until(lambda: running.execution(execution_id)["status"] == "running")
    listed = json.loads(running.run(["status", "--json"]).stdout)["executions"]
    assert listed[0]["execution_id"] == execution_id

    told = running.run(["pause-workflow", execution_id, "--reason", "coffee"])
    assert execution_id in told.stdout
    wait_until(lambda: running.execution(execution_id)["status"] == "paused")
    running.run(["resume-workflow", execution_id])
    wait_until(lambda: running.execution(execution_id)["status"] == "running")
    running.run(["stop-workflow", execution_id, "--reason", "enough"])
    wait_until(lambda: running.execution(execution_id)["status"] == "terminated")

    again = running.run(["stop-workflow", execution_id], check=False)
    assert again.returncode == 1
    assert execution_id in again.stderr


def test_run_takes_overrides(running):
    done = running.run(
        "run fast_processing --speed 0 --stf-count 3 --wait"
        " --set fast_processing.slices_per_sample=2 --set target_worker_count=4"
    )

    assert "6 made, 6 done, 0 failed" in done.stdout
    execution_id = done.stdout.split()[0]
    parameters = running.execution(execution_id)["parameter_values"]["fast_processing"]
    assert parameters["stf_count"] == 3
    assert parameters["slices_per_sample"] == 2
    assert parameters["target_worker_count"] == 4


def test_standard_processing(running):
    done = running.run("run stf_processing --speed 0 --wait --stf-count 4 --physics-period-count 1")

    assert "4 taken, 4 registered, 4 processed" in done.stdout


def test_run_workflow_prefers_a_local_file(running, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        '[workflow]\nname = "stf_datataking"\nincludes = ["fast_processing_default.toml"]\n'
        "[fast_processing]\nstf_count = 2\nslices_per_sample = 3\n"
    )

    done = running.run(
        f"run-workflow stf_datataking --config {file} --worker-count 5 --speed 0 --wait"
    )

    assert "6 made, 6 done, 0 failed" in done.stdout


def test_run_workflow_by_name_and_version(running):
    running.run("run-workflow stf_datataking --stf-count 1 --speed 0 --wait")
    definitions = running.client().get("workflow-definitions/", workflow_name="stf_datataking")

    done = running.run(
        f"run-workflow stf_datataking --version {definitions[0]['version']}"
        " --stf-count 1 --physics-period-count 1 --speed 0 --wait"
    )

    assert "completed" in done.stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["run", "no_such_thing"], "no_such_thing"),
        (["run", "fast_processing", "--set", "stf_cuont=3"], "stf_count"),
        (["run", "fast_processing", "--set", "stf_count=many"], "stf_count"),
        (["run", "fast_processing", "--stf-count", "-1"], "stf_count"),
        (["run-workflow", "no_such_workflow"], "no_such_workflow"),
        (["run-workflow", "../etc/passwd"], "passwd"),
        (["run-workflow", "stf_datataking", "--version", "99"], "99"),
        (["run-workflow", "stf_datataking", "--config", "/no/such.toml"], "/no/such.toml"),
        (["stop-workflow", "no-such-id"], "no-such-id"),
        (["pause-workflow", "no-such-id"], "no-such-id"),
        (["start-agents", "nobody"], "nobody"),
        (["logs", "nobody"], "nobody"),
    ],
)
def test_mistakes_are_told_and_change_nothing(running, command, told):
    before = len(running.client().get("workflow-executions/"))

    done = running.run(command, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert len(running.client().get("workflow-executions/")) == before


def test_an_empty_namespace_is_told_before_anything_starts(running, tmp_path):
    file = tmp_path / "testbed.toml"
    file.write_text('[testbed]\nnamespace = ""\n')

    for command in (["run"], ["run", "fast_processing"], ["start-agents"], ["validate"]):
        done = running.run(command, check=False, SWF_TESTBED_CONFIG=str(file))
        assert done.returncode == 1
        assert "namespace is empty" in done.stderr


def test_agents_stop_and_start_one_by_one(running):
    assert "fastmon-agent" in running.run(["stop-agents", "fastmon"]).stdout
    assert running.pid("fastmon-agent") == 0
    for faulty in ("run fast_processing --set stf_cuont=3", "run-workflow stf_datatakin"):
        refused = running.run(faulty, check=False)
        assert (refused.returncode, "did you mean" in refused.stderr) == (1, True)
    assert running.pid("fastmon-agent") == 0  # nothing is started for a faulty run
    running.run(["start-agents", "fastmon"])
    assert running.pid("fastmon-agent")
    client = MonitorClient.from_settings(running.settings)
    events = client.get("system-state-events/", limit=20)
    told = [
        (one["event_type"], one["actor"], one["via"])
        for one in reversed(events)
        if one["event_data"].get("programs") == ["fastmon-agent"]
    ]
    assert told == [
        (f"agents_{what}", getpass.getuser(), "cli")
        for what in ("stop_requested", "stopped", "start_requested", "started")
    ]


def test_logs_of_one_and_of_all(running):
    for agent in ("data", "worker", "runner"):
        assert running.run(["logs", agent, "-n", "3"]).stdout.strip()
    everything = running.run(["logs"]).stdout
    assert "data-agent: " in everything
    assert "web: " in everything


def test_validate_names_every_fault(running, tmp_path):
    assert "good" in running.run(["validate"]).stdout
    file = tmp_path / "bad.toml"
    file.write_text(
        '[workflow]\nname = "x"\n[daq_state_machine]\nstf_interval = "two"\nbroadcast_delay = -1\n'
    )

    done = running.run(["validate", str(file)], check=False)

    assert done.returncode == 1
    assert "stf_interval" in done.stderr
    assert "broadcast_delay" in done.stderr


def test_tokens_are_made_listed_and_revoked(running):
    key = running.run("token create shifter --scope read").stdout.strip()
    client = MonitorClient(running.settings.swf_monitor_url, key)
    assert client.get("status/")
    with pytest.raises(NotAllowed):
        client.post("workflow-executions/start/", {"workflow": "stf_datataking"})
    listed = running.run("token list").stdout
    assert "shifter" in listed
    assert key not in listed

    running.run("token revoke shifter")

    with pytest.raises(NotAuthenticated):
        client.get("status/")
    again = running.run("token revoke shifter", check=False)
    assert again.returncode == 1
    assert again.stderr.startswith("error: ")


def test_ports_do_not_change_under_running_services(running):
    before = running.settings.settings_file.read_bytes()

    done = running.run(["init", "--new-ports"], check=False)

    assert done.returncode == 1
    assert "stop-local" in done.stderr
    assert running.settings.settings_file.read_bytes() == before
