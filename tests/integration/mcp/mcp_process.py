"""The MCP server as a process of its own, with a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.ports import free_port
from tests.processes import end, wait_listening
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]


@dataclass
class Installation:
    """A runtime folder with a database, in which programs of the testbed can be run."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)

    def initialise(self) -> None:
        """Create the database and the operator's token."""
        (self.home / ".testbed").mkdir(mode=0o700)
        self.program("-m", "monitor", "initialise")

    @property
    def token(self) -> str:
        """The operator's token."""
        return (self.home / ".testbed" / "token").read_text().strip()

    def program(self, *arguments: str) -> str:
        """Run Python with ``arguments`` in the installation; give what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def django(self, code: str) -> str:
        """Run ``code`` with Django set up."""
        return self.program("-c", f"import django; django.setup()\n{code}").strip()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its programs."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SWF_", "ACTIVEMQ_", "DJANGO_"))
        }
        return {
            **inherited,
            "SWF_HOME": str(self.home),
            "DJANGO_SETTINGS_MODULE": "monitor.settings",
            **self.environ,
        }


@dataclass
class McpProcess:
    """``python -m mcp_server`` (or another such program) on a free port."""

    installation: Installation
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, installation: Installation, module: str = "mcp_server", *arguments: str
    ) -> McpProcess:
        """Start it and wait until it answers."""
        port = free_port()
        with _log_of(installation, port).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={**installation.environment, "SWF_MCP_PORT": str(port)},
                stdout=log,
                stderr=log,
            )
        started = cls(installation, port, process)
        try:
            wait_listening(process, "127.0.0.1", port, lambda: started.log)
        except AssertionError:
            started.stop()
            raise
        return started

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/mcp"

    @property
    def log(self) -> str:
        """What it wrote."""
        return _log_of(self.installation, self.port).read_text()

    def terminate(self) -> None:
        """End it in order, and wait until it is gone."""
        end(self.process)

    def stop(self) -> None:
        """End it, however."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @asynccontextmanager
    async def client(
        self,
        token: str | None = None,
        scheme: str = "Bearer",
        mode: str = "auto",
        **options: Any,
    ) -> AsyncIterator[Client]:
        """Connect with a token (default: the operator's)."""
        key = self.installation.token if token is None else token
        headers = {"Authorization": f"{scheme} {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode, **options) as client:
                yield client


def _log_of(installation: Installation, port: int) -> Path:
    return installation.home / f"mcp-{port}.log"
