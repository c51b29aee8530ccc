"""Agents that run in another namespace than `testbed.toml` names, when agents are started."""

from __future__ import annotations

import socket

import pytest

from orchestrator.agents import start_agents
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.orphans import end_programs_of
from swf_common_lib.errors import Conflict
from swf_common_lib.settings import load_settings
from tests.http_server import serving
from tests.integration.orchestrator.small_agents import write_small_agents


class Monitor:
    """Knows the data agent: as it was found in the old namespace, afterwards in the new one."""

    def __init__(self):
        self.supervisor = None
        self.old_pid = 0
        self.executions = []

    def __call__(self, _method, path, _body):
        if "/systemagents/" in path:
            pid = self.supervisor.process("data-agent").pid
            return 200, [
                {
                    "instance_name": "data-agent-maria-1",
                    "hostname": socket.gethostname(),
                    "pid": pid,
                    "namespace": "old" if pid == self.old_pid else "new",
                    "operational_state": "READY",
                    "liveness": "alive",
                }
            ]
        if "/workflow-executions/" in path:
            assert "status=running%2Cpaused" in path
            return 200, self.executions
        return 200, {}


@pytest.fixture
def monitor():
    return Monitor()


@pytest.fixture
def settings(tmp_path, monitor):
    write_small_agents(tmp_path)
    (tmp_path / "testbed.toml").write_text('[testbed]\nnamespace = "new"\n')
    with serving(monitor) as url:
        made = load_settings(tmp_path, {"SWF_MONITOR_URL": url, "SWF_API_TOKEN": "x"})
        supervisor = monitor.supervisor = supervisor_of_agents(made)
        supervisor.ensure_daemon()
        supervisor.start("data-agent")
        monitor.old_pid = supervisor.process("data-agent").pid
        yield made
        supervisor.shutdown()
        end_programs_of(supervisor.socket, patience=0)


def execution(namespace, runner):
    return {"execution_id": "stf-maria-0001", "namespace": namespace, "runner": runner}


@pytest.mark.parametrize(
    "active", [execution("old", "runner-x"), execution("third", "data-agent-maria-1")]
)
def test_are_not_stopped_while_an_execution_needs_them(settings, monitor, active):
    monitor.executions = [active]

    with pytest.raises(Conflict, match=r"namespace old, where stf-maria-0001 is not over"):
        start_agents(settings, ["data"])

    assert monitor.supervisor.process("data-agent").pid == monitor.old_pid


def test_are_started_afresh_when_nobody_needs_them(settings, monitor):
    monitor.executions = [execution("third", "runner-x")]

    (process,) = start_agents(settings, ["data"])

    assert process.pid != monitor.old_pid
