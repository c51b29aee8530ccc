"""``python -m monitor serve`` as a process, with a database of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from swf_common_lib.settings import load_settings
from tests.monitor_database import MonitorDatabase
from tests.ports import free_ports
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[3]


@dataclass
class Server:
    """A server under test."""

    environ: dict[str, str]
    folder: Path
    url: str
    process: subprocess.Popen[bytes] | None = None

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "monitor", command],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitor", "serve"],
                cwd=ROOT,
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, message="the server does not answer")

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/api/schema/", timeout=PATIENCE).status_code == 200
        except requests.ConnectionError:
            return False

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        key = (self.folder / "token").read_text().strip()
        session.headers["Authorization"] = f"Token {key}"
        return session

    def add_message(self, number: int, kind: str = "stf_gen", sender: str = "s") -> None:
        """Record a message, as ingest does in its own process."""
        MonitorDatabase(load_settings(environ=self.environ)).write(
            "INSERT INTO records_workflowmessage (message_id, message_type, namespace,"
            " sender_agent, execution_id, run_id, destination, sent_at, received_at, content,"
            " problem) VALUES (%s, %s, 'n', %s, 'e', '100001', '/topic/epictopic',"
            " '2026-05-01 12:00:00', '2026-05-01 12:00:00', %s, '')",
            (f"m{number}", kind, sender, json.dumps({"sequence": number})),
        )


@contextmanager
def live_server(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Serve a new installation in ``folder``; its broker is not there."""
    web, broker = free_ports(2)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SWF_")},
        "SWF_RUNTIME_DIR": str(folder),
        "SWF_WEB_PORT": str(web),
        "ACTIVEMQ_PORT": str(broker),
        **settings,
    }
    server = Server(environ, folder, f"http://127.0.0.1:{web}")
    unprepared = server.run("serve")
    assert unprepared.returncode == 1
    assert "testbed init" in unprepared.stderr
    assert server.run("initialise").returncode == 0
    server.start()
    try:
        yield server
    finally:
        assert server.process is not None
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
