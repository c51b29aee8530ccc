"""A broker, a monitor and runners as processes, in a folder and on ports of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.messaging import WORKFLOW_CONTROL, MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings, load_settings
from tests.broker_process import BrokerProcess, start_broker
from tests.ports import free_port
from tests.processes import end
from tests.waiting import PATIENCE, wait_until

CHECKOUT = Path(__file__).parents[3]
TESTBED = """
[testbed]
namespace = "trial"

[workflow]
name = "stf_datataking"
config = "quick"
"""
QUICK = """
[workflow]
name = "stf_datataking"
version = "1.0"
description = "short data taking, for tests"
includes = ["daq_state_machine.toml"]

[daq_state_machine]
no_beam_not_ready_delay = 1
beam_not_ready_delay = 1
beam_ready_delay = 1
beam_not_ready_end_delay = 1
physics_period_count = 1
stf_count = 3
"""
FAILING = """
class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.runner = runner

    def execute(self, env):
        self.runner.send_message("/topic/epictopic", {"msg_type": "start_run", "run_id": "7"})
        yield env.timeout(1)
        raise LookupError("the beam is gone")
"""
WAITING = """
from pathlib import Path

class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.runner = runner

    def execute(self, env):
        self.runner.send_message("/topic/epictopic", {"msg_type": "start_run", "run_id": "8"})
        while not Path("go_on").exists():
            yield env.timeout(1)
        self.runner.send_message("/topic/epictopic", {"msg_type": "end_run", "run_id": "8"})
"""
OWN = {"own_failing": FAILING, "own_waiting": WAITING}
OWN_CONFIG = '[workflow]\nname = "{0}"\nversion = "1.0"\n[{0}]\ncolor = "red"\n'


class Installation:
    """Everything but agents and supervisord."""

    def __init__(self, home: Path) -> None:
        self.home = home
        workflows = home / "workflows"
        workflows.mkdir(parents=True)
        for path in (CHECKOUT / "workflows").iterdir():
            if path.suffix in (".py", ".toml"):
                (workflows / path.name).symlink_to(path)
        (workflows / "quick.toml").write_text(QUICK)
        for name, code in OWN.items():
            (workflows / f"{name}.py").write_text(code)
            (workflows / f"{name}_default.toml").write_text(OWN_CONFIG.format(name))
        (home / "testbed.toml").write_text(TESTBED)
        (home / ".testbed").mkdir(mode=0o700)
        self.broker: BrokerProcess = start_broker(home / ".testbed")
        self.web_port = free_port()
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("SWF_", "ACTIVEMQ_"))},
            **self.broker.environ,
            "SWF_HOME": str(home),
            "SWF_WEB_PORT": str(self.web_port),
        }
        self.web: subprocess.Popen[bytes] | None = None
        self.runners: list[subprocess.Popen[bytes]] = []
        self.execute("-m", "monitor", "initialise", check=True)
        self.start_web()
        self.ingest = self._spawn("ingest", "-m", "monitor", "ingest")

    @property
    def settings(self) -> Settings:
        return load_settings(self.home, self.environ)

    @property
    def client(self) -> MonitorClient:
        return MonitorClient.from_settings(self.settings, patience=PATIENCE)

    def start_web(self) -> None:
        self.web = self._spawn("web", "-m", "monitor", "serve")

        def answers() -> bool:
            assert self.web is not None
            assert self.web.poll() is None, self.log("web")
            try:
                MonitorClient.from_settings(self.settings).get("runs/")
            except MonitorUnavailable:
                return False
            return True

        wait_until(answers, message="the monitor does not answer")

    def mend(self) -> None:
        """Start what a test that failed may have left ended."""
        if self.broker.process is None:
            self.broker.start()
        if self.web is None or self.web.poll() is not None:
            self.start_web()

    def stop_web(self) -> None:
        if self.web is not None:
            end(self.web)
            self.web = None

    def start_runner(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a persistent runner and wait until it is ready."""
        script = str(CHECKOUT / "workflows" / "workflow_runner.py")
        known = {agent["instance_name"] for agent in self.agents()}
        runner = self._spawn(f"runner{len(self.runners)}", script, *arguments)
        self.runners.append(runner)

        def ready() -> bool:
            assert runner.poll() is None, "the runner has ended"
            return any(
                agent["pid"] == runner.pid and agent["operational_state"] == "READY"
                for agent in self.agents()
                if agent["instance_name"] not in known
            )

        wait_until(ready, message="the runner is not ready")
        return runner

    def stop_runners(self) -> None:
        for runner in self.runners:
            end(runner)
        self.runners.clear()

    def agents(self) -> list[dict[str, Any]]:
        agents: list[dict[str, Any]] = self.client.get("systemagents/")
        return agents

    def stop(self) -> None:
        self.stop_runners()
        self.stop_web()
        end(self.ingest)
        self.broker.stop()

    def execute(
        self, *arguments: str, check: bool = False, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a Python program to its end."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.home,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def once(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        script = str(CHECKOUT / "workflows" / "workflow_runner.py")
        return self.execute(script, "--run-once", *arguments, **environ)

    def command(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        script = str(CHECKOUT / "workflows" / "send_workflow_command.py")
        return self.execute(script, *arguments, **environ)

    def ask(self, msg_type: str, execution_id: str) -> dict[str, Any]:
        """Send a command about an execution over the broker and return the answer."""
        bus = MessageBus(self.settings)
        bus.start(PATIENCE)
        try:
            body = {"msg_type": msg_type, "execution_id": execution_id, "namespace": "trial"}
            return bus.request(WORKFLOW_CONTROL, body, PATIENCE)
        finally:
            bus.close()

    def run(self, *arguments: str) -> str:
        """Start a workflow with the command and return its execution id."""
        done = self.command("run", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self, **fields: Any) -> str:
        """Start a workflow over REST and return its execution id."""
        body = {"workflow": "stf_datataking", "config": "quick", **fields}
        return str(self.client.post("workflow-executions/start/", body)["execution_id"])

    def execution(self, execution_id: str) -> dict[str, Any]:
        record: dict[str, Any] = self.client.get(f"workflow-executions/{execution_id}/")
        return record

    def reaches(self, execution_id: str, status: str) -> dict[str, Any]:
        """Wait until an execution has a status and return its record."""
        client = self.client

        def reached() -> dict[str, Any] | None:
            record: dict[str, Any] = client.get(f"workflow-executions/{execution_id}/")
            return record if record["status"] == status else None

        try:
            return wait_until(reached) or {}
        except AssertionError:
            raise AssertionError(f"not {status}: {self.execution(execution_id)}") from None

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.home,
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
