"""Ingest as the process that the services run, on a broker and a database of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swf_common_lib.settings import Settings, load_settings
from tests.broker_process import ROOT, BrokerProcess
from tests.monitor_database import MonitorDatabase
from tests.waiting import PATIENCE, wait_until


@dataclass
class Installation:
    """A runtime folder with a database, beside a broker; ingests are started in it."""

    folder: Path
    broker: BrokerProcess
    database: dict[str, str] = field(default_factory=dict)
    """Its setting, unless it is the embedded one."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        return {"SWF_RUNTIME_DIR": str(self.folder), **self.broker.environ, **self.database}

    @property
    def settings(self) -> Settings:
        return load_settings(environ=self.environ)

    def make_database(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "monitor", "initialise"],
            cwd=ROOT,
            env={**os.environ, **self.environ},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> int:
        """Start one more ingest; give its number."""
        number = len(self.processes)
        with self.log_file(number).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "monitor", "ingest"],
                cwd=ROOT,
                env={**os.environ, **self.environ},
                stderr=log,
            )
        self.processes.append(process)
        return number

    def start_recording(self) -> int:
        """Start one more ingest and wait until it records."""
        number = self.start()
        wait_until(lambda: self.records(number), message=f"does not record: {number}")
        return number

    def records(self, number: int) -> bool:
        """Return whether an ingest has subscribed."""
        return "INFO monitor.ingest.service: recording" in self.log(number)

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes[number].wait()

    def end(self, number: int) -> int:
        """End it in order; give its exit code."""
        self.processes[number].send_signal(signal.SIGTERM)
        return self.processes[number].wait(timeout=PATIENCE)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def log_file(self, number: int) -> Path:
        return self.folder / f"ingest-{number}.log"

    def log(self, number: int) -> str:
        return self.log_file(number).read_text()

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        return MonitorDatabase(self.settings).ask(question)

    def count(self) -> int:
        """Count the messages recorded."""
        number: int = self.ask("SELECT COUNT(*) FROM records_workflowmessage")[0][0]
        return number

    def presence(self) -> dict[str, Any]:
        """Return ingest's row among the agents; empty before its first report."""
        rows = self.ask(
            "SELECT pid, status, mq_connected, operational_state, metadata"
            " FROM records_systemagent WHERE instance_name = 'monitor-ingest'"
        )
        if not rows:
            return {}
        pid, status, connected, state, metadata = rows[0]
        return {
            "pid": pid,
            "status": status,
            "mq_connected": bool(connected),
            "state": state,
            **(json.loads(metadata) if isinstance(metadata, str) else metadata),
        }
