"""What the tests of the MCP server share: an installation, and a client in memory."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from mcp import Client

from mcp_server.application import Application
from mcp_server.server import build_server
from monitor.executions.announcer import Announcer, announcer
from orchestrator.queue_depths import QueueReader
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess, start_broker
from tests.integration.mcp.mcp_process import ROOT, Installation
from tests.waiting import PATIENCE

WORKFLOWS = ROOT / "workflows"

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A running broker."""
    started = start_broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A checkout with the shipped workflows and a ``testbed.toml``."""
    shutil.copytree(WORKFLOWS, tmp_path / "workflows", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "testbed.toml").write_text(
        '[testbed]\nnamespace = "torre1"\n'
        '[workflow]\nname = "stf_datataking"\nconfig = "fast_processing_default"\n'
    )
    return tmp_path


class _Serves(BaseHTTPRequestHandler):
    """Answers as /healthz does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


class WebStandIn:
    """What answers where the monitor and the MCP server would; closed, they are away."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Serves)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Go away."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def monitor() -> Iterator[WebStandIn]:
    """What answers where the monitor would; closed, the monitor is away."""
    server = WebStandIn()
    yield server
    server.close()


@pytest.fixture
def application(
    home: Path,
    broker: BrokerProcess,
    monitor: WebStandIn,
    settings: Any,
    transactional_db: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Application]:
    """The application of a server in this process, on the tests' database."""
    # A slow machine is no fault of the broker's.
    monkeypatch.setattr(Announcer, "patience", PATIENCE)
    monkeypatch.setattr("monitor.executions.announcer.CONFIRM_TIMEOUT", PATIENCE)
    environ = {**broker.environ, "SWF_MONITOR_URL": monitor.address, "SWF_SERVICES": "elsewhere"}
    settings.TESTBED = load_settings(home=home, environ=environ)
    made = Application(settings.TESTBED)
    made.queues = QueueReader(settings.TESTBED, patience=PATIENCE)
    yield made
    made.close()
    announcer().close()
    cache.clear()


@pytest.fixture
def connect(application: Application) -> Connect:
    """Opens a client in memory."""

    def opened(**options: Any) -> Client:
        return Client(build_server(application), **options)

    return opened


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory,
    broker: BrokerProcess,
    new_database: Callable[[], dict[str, str]],
) -> Installation:
    """What the servers of a module's tests serve: a home, a database, its operator's token."""
    home = tmp_path_factory.mktemp("home")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflows", home / "workflows", ignore=ignored)
    (home / "testbed.toml").write_text(
        '[testbed]\nnamespace = "torre1"\n'
        '[workflow]\nname = "stf_datataking"\nconfig = "fast_processing_default"\n'
    )
    made = Installation(home, {**broker.environ, **new_database()})
    made.initialise()
    return made
