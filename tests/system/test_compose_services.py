"""What docker-compose.yml starts works: its commands and environments, as plain processes.

There is no Docker engine here. Names of containers become loopback, their ports free ones, and
their volumes folders; everything else is as in the file.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from orchestrator.servers import compose
from tests.activemq_process import skip_without_activemq
from tests.ports import free_ports
from tests.postgres_process import running_postgres
from tests.processes import end
from tests.stack import CHECKOUT, Stack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system


class Containers:
    """The services of the file, started one by one."""

    def __init__(self, stack: Stack, folder: Path, database: str) -> None:
        self.stack = stack
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        settings = stack.settings
        text = (CHECKOUT / "docker-compose.yml").read_text()
        for line in compose.environment_file(settings).read_text().splitlines():
            name, _, value = line.partition("=")
            text = re.sub(rf"\$\{{{name}(:\?[^}}]*)?\}}", value.strip("'"), text)
        text = re.sub(r"postgresql://testbed:\S+@postgres:5432/testbed", database, text)
        for inside, here in (
            ("http://web:8002", f"http://127.0.0.1:{settings.swf_web_port}"),
            ("http://mcp:8001", f"http://127.0.0.1:{settings.swf_mcp_port}"),
            ("ACTIVEMQ_HOST: broker", "ACTIVEMQ_HOST: 127.0.0.1"),
            ("61613", str(settings.activemq_port)),
            ("8002", str(settings.swf_web_port)),
            ("8001", str(settings.swf_mcp_port)),
            ("0.0.0.0", "127.0.0.1"),
        ):
            text = text.replace(inside, here)
        self.services = yaml.safe_load(text)["services"]

    def _environment(self, name: str) -> dict[str, str]:
        volume = self.services[name]["volumes"][0].partition(":")[0]
        (self.folder / volume).mkdir(mode=0o700, exist_ok=True)
        return {
            **self.stack.environment,
            "SWF_RUNTIME_DIR": str(self.folder / volume),
            **self.services[name]["environment"],
        }

    def start(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, *self.services[name]["command"][1:]]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.stack.home,
                env=self._environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def healthy(self, name: str) -> bool:
        words = self.services[name]["healthcheck"]["test"]
        assert words[:2] == ["CMD", "python"]
        done = subprocess.run([sys.executable, *words[2:]], capture_output=True)
        return done.returncode == 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def stop(self) -> None:
        for process in reversed(self._running):
            end(process)


@pytest.fixture
def containers(installation, tmp_path, choosing_ports) -> Iterator[Containers]:
    skip_without_activemq()
    with running_postgres() as database:
        web, mcp = free_ports(2)
        (installation.home / ".testbed/settings.toml").write_text(
            f"SWF_WEB_PORT = {web}\nSWF_MCP_PORT = {mcp}\n"
        )
        installation.run(["init", "--compose"])
        made = Containers(installation, tmp_path, database.url())
        try:
            yield made
        finally:
            installation.run(["stop-agents"], check=False)
            made.stop()


async def _called(stack: Stack, tool: str) -> CallToolResult:
    settings = stack.settings
    headers = {"Authorization": f"Bearer {settings.swf_api_token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
        Client(streamable_http_client(settings.swf_mcp_url, http_client=http)) as client,
    ):
        return await client.call_tool(tool)


def test_a_run_on_the_composed_services(containers):
    stack = containers.stack
    containers.start("broker")
    assert containers.start("setup").wait(60) == 0, containers.log("setup")
    wait_until(lambda: containers.healthy("broker"), message="the broker is not healthy")
    for name in ("web", "ingest", "mcp"):
        containers.start(name)
    for name in ("web", "mcp"):
        wait_until(lambda name=name: containers.healthy(name), message=f"{name} is not healthy")

    token = containers.folder / "runtime/token"
    stack.settings.token_file.write_text(token.read_text())
    stack.settings.token_file.chmod(0o600)
    stack.run(["start-agents"])
    done = stack.run(["run", "fast_processing", "--stf-count", "2", "--wait"])
    assert stack.execution(done.stdout.split()[0])["statistics"]["slices"]["completed"] == 30

    examined = stack.run(["doctor"], check=False)
    assert examined.returncode == 0, examined.stdout
    assert "postgresql" in examined.stdout
    assert f"http://127.0.0.1:{stack.settings.swf_web_port}/login/" in stack.run(["login"]).stdout

    refused = asyncio.run(_called(stack, "start_agents"))
    assert refused.is_error
    assert "On the host of the agents: testbed start-agents" in refused.content[0].text
