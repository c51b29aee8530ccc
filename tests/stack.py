"""A complete installation of the testbed in a folder of its own, on ports of its own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.services import supervisor_of_agents, supervisor_of_services
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings, load_settings
from tests.ports import free_ports
from tests.waiting import PATIENCE

CHECKOUT = Path(__file__).parent.parent
LINKED = ("agents", "mcp_server", "monitor", "orchestrator", "swf_common_lib", "workflows")
COPIED = ("agents.supervisord.conf", "supervisord.conf")
COMMAND_TIMEOUT = 5 * PATIENCE  # one may start a whole installation and wait for a run
_OURS = ("SWF_", "ACTIVEMQ_", "DJANGO_", "SUPERVISOR_", "PYTEST_")


class Stack:
    """An installation: its checkout is links to this one, its runtime folder is its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_OURS)
        }
        # Links lead to this checkout; the command would take it for its home otherwise.
        self.environment["SWF_HOME"] = str(home)

    @classmethod
    def create(
        cls,
        home: Path,
        *,
        chosen_ports: bool = True,
        settings: Mapping[str, Any] | None = None,
        linked: bool = True,
    ) -> Stack:
        """Create an installation in ``home``; ``chosen_ports``: with free ports of ours.

        ``settings``: more settings to begin with, beside those ports. ``linked``: with links to
        this checkout; else ``home`` has a copy of the project, whose code is run.
        """
        home.mkdir(parents=True, exist_ok=True)
        for name in LINKED if linked else ():
            (home / name).symlink_to(CHECKOUT / name, target_is_directory=True)
        for name in COPIED if linked else ():
            shutil.copy(CHECKOUT / name, home / name)
        if chosen_ports:
            runtime = home / ".testbed"
            runtime.mkdir(mode=0o700)
            broker, web, mcp = free_ports(3)
            values = {"ACTIVEMQ_PORT": broker, "SWF_WEB_PORT": web, "SWF_MCP_PORT": mcp}
            values.update(settings or {})
            (runtime / "settings.toml").write_text(
                "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
            )
        stack = cls(home)
        if not linked:
            stack.environment["PYTHONPATH"] = str(home)
        return stack

    def own_workflows(self) -> Path:
        """Return the installation's own ``workflows`` folder, new with links to all of ours."""
        folder = self.home / "workflows"
        if folder.is_symlink():
            folder.unlink()
            folder.mkdir()
            for path in (CHECKOUT / "workflows").glob("*.*"):
                (folder / path.name).symlink_to(path)
        return folder

    @property
    def settings(self) -> Settings:
        """Return the present settings."""
        return load_settings(self.home, {})

    @property
    def services(self) -> Supervisor:
        """Return the supervisord of the services."""
        return supervisor_of_services(self.settings)

    @property
    def agents(self) -> Supervisor:
        """Return the supervisord of runner and agents."""
        return supervisor_of_agents(self.settings)

    def client(self, patience: float = PATIENCE) -> MonitorClient:
        """Return a client for its monitor, with the operator's token."""
        return MonitorClient.from_settings(self.settings, patience)

    def run(
        self, arguments: list[str] | str, *, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a `testbed` command; with ``check`` a failure fails the test, with its output."""
        words = shlex.split(arguments) if isinstance(arguments, str) else arguments
        return self.execute(
            [sys.executable, "-m", "orchestrator.cli", *words], check=check, **environment
        )

    def execute(
        self, command: list[str], *, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run any command in the installation's folder and environment."""
        done = subprocess.run(
            command,
            cwd=self.home,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT,
        )
        if check:
            assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *, agents: bool = False) -> None:
        """Initialise, start the services, and the agents when asked to."""
        self.run(["init"])
        self.run(["start-local"])
        if agents:
            self.run(["start-agents"])

    def stop(self) -> None:
        """Stop everything; nothing is left when this returns."""
        self.run(["stop-local"])

    def pid(self, program: str) -> int:
        """Return the process id of a program of either supervisord; 0 when it does not run."""
        supervisor = self.agents if program in self.agents.configuration.programs else self.services
        return supervisor.process(program).pid

    def kill(self, program: str) -> int:
        """Kill a program's process with SIGKILL and return its former id."""
        pid = self.pid(program)
        assert pid, f"{program} does not run"
        os.kill(pid, signal.SIGKILL)
        return pid

    def log(self, program: str) -> str:
        """Return the log of a program."""
        path = self.settings.log_dir / f"{program}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def execution(self, execution_id: str) -> dict[str, Any]:
        """Return the record of an execution."""
        record: dict[str, Any] = self.client().get(f"workflow-executions/{execution_id}/")
        return record
