"""Starting and stopping the services: ports, neighbours, faults, plain supervisorctl."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def test_before_init_every_command_says_what_to_do(installation):
    for command in (["start-local"], ["run"], ["status"], ["token"], ["start-agents"]):
        done = installation.run(command, check=False)
        assert done.returncode == 1
        assert "testbed init" in done.stderr


@pytest.mark.parametrize("setting", ["SWF_WEB_PORT", "ACTIVEMQ_PORT"])
def test_a_taken_port_is_told_before_anything_starts(installation, setting):
    installation.run(["init"])
    port = getattr(installation.settings, setting.lower())
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen(1)

        done = installation.run(["start-local"], check=False)
        assert done.returncode == 1
        assert f"port {port} ({setting}) is taken by another program" in done.stderr
        assert "--new-ports" in done.stderr
        assert not installation.services.alive()

        installation.run(["init", "--new-ports"])
        assert getattr(installation.settings, setting.lower()) != port


def test_two_installations_run_side_by_side(running, home, choosing_ports):
    other = Stack.create(home, chosen_ports=False)
    try:
        other.run(["init"])
        other.run(["start-local"])
        assert other.settings.swf_web_port != running.settings.swf_web_port
        assert other.client().get("workflow-executions/") == []
        other.stop()
    finally:
        other.run(["stop-local"], check=False)
    assert running.client().get("status/")


def test_starting_again_leaves_running_services_alone(running):
    before = {name: process.pid for name, process in running.services.processes().items()}

    started = running.run(["start-local"])

    after = {name: process.pid for name, process in running.services.processes().items()}
    assert after == before
    assert "logs in, once" in started.stdout


def test_without_services_commands_say_so_and_fail(installation):
    installation.run(["init"])

    for command in (["start-agents"], ["run"], ["login"], ["stop-workflow", "x"]):
        done = installation.run(command, check=False)
        assert done.returncode == 1
        assert "testbed start-local" in done.stderr
    # It shows what it can, and says that this is not all.
    status = installation.run(["status"], check=False)
    assert status.returncode == 1
    assert "STOPPED" in status.stdout


def test_a_service_that_exits_is_told_with_its_last_words(installation):
    installation.run(["init"])
    file = installation.home / "supervisord.conf"
    file.write_text(
        file.read_text().replace(
            "python -m orchestrator.servers.broker", "python -c 'raise SystemExit(\"no disk\")'"
        )
    )

    done = installation.run(["start-local"], check=False)

    assert done.returncode == 1
    assert "broker does not stay up" in done.stderr
    assert "no disk" in done.stderr


def test_plain_supervisorctl_works_without_activation(running):
    def control(*words: str) -> str:
        command = [sys.executable, "-m", "supervisor.supervisorctl"]
        return running.execute(
            [*command, "-c", "agents.supervisord.conf", *words], check=False, SWF_HOME=""
        ).stdout

    assert "RUNNING" in control("status", "fastmon-agent")
    assert "stopped" in control("stop", "fastmon-agent")
    assert "STOPPED" in control("status", "fastmon-agent")
    assert "started" in control("start", "fastmon-agent")
    wait_until(lambda: "fastmon" in control("tail", "fastmon-agent"))


@pytest.mark.parametrize(
    "program",
    [
        "mcp",
        "web",
        "ingest",
        "broker",
        "workflow-runner",
        "data-agent",
        "fastmon-agent",
        "fast-processing-worker",
    ],
)
def test_a_killed_process_comes_back(running, program):
    killed = running.kill(program)

    wait_until(lambda: running.pid(program) not in (0, killed))


def test_after_all_the_killing_a_run_works(running):
    running.run(["start-local"])
    done = running.run(["run", "fast_processing", "--speed", "0", "--stf-count", "2", "--wait"])

    assert "30 made, 30 done, 0 failed" in done.stdout


def test_stopping_in_the_middle_of_a_run_ends_it_properly(installation):
    installation.start(agents=True)
    endless = "run fast_processing --speed 20 --physics-period-count 0"
    execution_id = installation.run(endless).stdout.strip()
    wait_until(lambda: installation.execution(execution_id).get("statistics"))

    installation.stop()

    installation.run(["start-local"])
    record = installation.execution(execution_id)
    assert record["status"] == "terminated"
    assert record["end_time"]
    wait_until(
        lambda: installation.client().get(
            "workflow-messages/", execution_id=execution_id, message_type="end_run"
        ),
    )
