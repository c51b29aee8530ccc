"""The embedded broker as a process of its own, for tests that need one.

``start_broker(tmp_path)`` gives a running broker on a free port; ``stop()`` it at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port
from tests.processes import wait_listening
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent


@dataclass
class BrokerProcess:
    """A broker under test and how to reach it."""

    folder: Path
    port: int
    host: str = "127.0.0.1"
    user: str = "testbed"
    password: str = "secret:with\\signs"
    arguments: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def environ(self) -> dict[str, str]:
        """Return the settings with which a client reaches it, by their environment variables."""
        return {
            "ACTIVEMQ_HOST": self.host,
            "ACTIVEMQ_PORT": str(self.port),
            "ACTIVEMQ_USER": self.user,
            "ACTIVEMQ_PASSWORD": self.password,
        }

    @property
    def store(self) -> Path:
        return self.folder / "broker.sqlite3"

    @property
    def log(self) -> str:
        """Return what it has logged so far, over all its starts."""
        return (self.folder / "broker.log").read_text()

    def start(self) -> None:
        """Start it and wait until it listens."""
        environ = {**os.environ, **self.environ, "SWF_RUNTIME_DIR": str(self.folder)}
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, env=environ, stdout=log, stderr=log
            )
        wait_listening(self.process, self.host, self.port, lambda: self.log)

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        return [sys.executable, "-m", "orchestrator.embedded_broker", *self.arguments]

    def kill(self) -> None:
        """Kill it without a warning (SIGKILL)."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in order (SIGTERM); return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def restart(self) -> None:
        """Start it again on the same port with the same messages, ending it first if it runs."""
        self.stop()
        self.start()


def start_broker(tmp_path: Path, *arguments: str) -> BrokerProcess:
    """Start a broker that keeps its messages in ``tmp_path``."""
    broker = BrokerProcess(folder=tmp_path, port=free_port(), arguments=arguments)
    broker.start()
    return broker
