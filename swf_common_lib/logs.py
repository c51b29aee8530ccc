"""Logging to the monitor: batched, never blocking, and nothing accepted is lost.

A record is appended to a spool file, which survives a killed process; a thread sends what the
file holds in batches. Each record has an id, so that one sent twice is kept once. A spool whose
process has died is sent by the next process that starts.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
import threading
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from swf_common_lib.errors import InvalidRequest, MonitorUnavailable, TestbedError
from swf_common_lib.monitor_client import MonitorClient

BATCH_RECORDS = 500
BATCH_INTERVAL = 1.0
"""Seconds between batches while there are records to send."""
RETRY_INTERVAL = 5.0
EXTRAS = ("execution_id", "run_id", "simulation_tick", "msg_type")
"""Attributes of a log record that go into ``extra_data``."""
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Write log lines to standard error, which supervisord keeps in a file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(LINE))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(level)
    for noisy in ("stomp.py", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


class Spool:
    """A file of log records, a JSON object a line, locked by the process that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._sent = 0
        self._claimed = False

    @classmethod
    def own(cls, path: Path) -> Spool:
        """Open a file that belongs to this process, and lock it."""
        while True:
            spool = cls(path)
            # Another process that looks for orphans may lock and remove it before we do.
            if spool.claim() and spool.in_place():
                return spool
            spool.close()
            time.sleep(0.01)

    def claim(self) -> bool:
        """Lock the file for this process; return False when another has locked it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._claimed = True
        return True

    def in_place(self) -> bool:
        """Return whether the open file still has its name: it may have been replaced or removed."""
        try:
            return self.path.stat().st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False

    def append(self, record: dict[str, Any]) -> None:
        """Write a record to the file: from then on it outlives the process."""
        line = json.dumps(record, separators=(",", ":"), default=str).encode() + b"\n"
        with self._lock:
            os.write(self._descriptor, line)

    def batch(self) -> tuple[list[dict[str, Any]], int]:
        """Return the next records to send, and how many bytes of the file they take."""
        with self.path.open("rb") as file:
            file.seek(self._sent)
            lines: list[bytes] = []
            for line in file:
                if not line.endswith(b"\n") or len(lines) == BATCH_RECORDS:
                    break
                lines.append(line)
        records = [_decoded(line) for line in lines]
        return [record for record in records if record], sum(len(line) for line in lines)

    def done(self, size: int) -> None:
        """Record that the last batch was sent; empty the file when all of it is sent."""
        with self._lock:
            self._sent += size
            if self._sent == os.fstat(self._descriptor).st_size:
                os.ftruncate(self._descriptor, 0)
                self._sent = 0

    def close(self) -> None:
        """Close the file; an empty one of ours is removed."""
        if self._claimed and os.fstat(self._descriptor).st_size == 0 and self.in_place():
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:  # a line that a crash of the machine cut short
        return {}
    return record if isinstance(record, dict) else {}


class MonitorLogHandler(logging.Handler):
    """Sends log records to ``POST /api/logs/``, in batches, from a thread of its own."""

    def __init__(
        self,
        app_name: str,
        instance_name: str,
        url: str,
        spool_dir: Path,
        token: str = "",
        ca_certs: str = "",
    ) -> None:
        super().__init__(logging.INFO)
        self.app_name = app_name
        self.instance_name = instance_name
        self._spool_dir = spool_dir
        self._spool = Spool.own(spool_dir / f"{instance_name}.jsonl")
        self._client = MonitorClient(url, token, ca_certs=ca_certs)
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Store a record to be sent; the caller does not wait for the monitor."""
        if record.name.startswith(("urllib3", "requests")):
            return  # they are about the sending itself, and would never end
        try:
            self._spool.append(self._as_json(record))
        except (OSError, ValueError, TypeError):
            self.handleError(record)
        self._news.set()

    def close(self) -> None:
        """Send what is left; what the monitor does not accept now waits in the spool."""
        if not self._closing.is_set():
            self._closing.set()
            self._news.set()
            self._thread.join(5.0)
            self._spool.close()
        super().close()

    def _as_json(self, record: logging.LogRecord) -> dict[str, Any]:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        extra = {name: getattr(record, name) for name in EXTRAS if hasattr(record, name)}
        return {
            "record_id": str(uuid.uuid4()),
            "app_name": self.app_name,
            "instance_name": self.instance_name,
            "timestamp": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelno,
            "levelname": record.levelname,
            "message": message,
            "module": record.module,
            "funcname": record.funcName or "",
            "lineno": record.lineno,
            "process": record.process,
            "thread": record.thread,
            **({"extra_data": extra} if extra else {}),
        }

    def _run(self) -> None:
        self._adopt_orphans()
        while True:
            self._news.wait()
            closing = self._closing.is_set()
            self._news.clear()
            sent = self._send(self._spool)
            if closing:
                return
            if not sent:
                self._news.set()
            self._closing.wait(BATCH_INTERVAL if sent else RETRY_INTERVAL)

    def _send(self, spool: Spool) -> bool:
        """Send all that a spool holds; return False when the monitor did not accept it."""
        while True:
            records, size = spool.batch()
            if size == 0:
                return True
            try:
                self._post(records)
            except MonitorUnavailable:
                return False
            except TestbedError as error:
                print(f"the monitor refuses log records: {error}", file=sys.stderr)
                return False
            spool.done(size)

    def _post(self, records: list[dict[str, Any]]) -> None:
        try:
            self._client.post("logs/", records)
        except InvalidRequest:
            for record in records:  # one bad record must not hold up the others
                try:
                    self._client.post("logs/", record)
                except InvalidRequest as error:
                    print(f"log record refused: {error}: {record}", file=sys.stderr)

    def _adopt_orphans(self) -> None:
        for path in sorted(self._spool_dir.glob("*.jsonl")):
            if path == self._spool.path:
                continue
            try:
                self._adopt(Spool(path))
            except OSError as error:  # another user's: that user's processes send it
                print(f"the log spool {path} is left alone: {error}", file=sys.stderr)

    def _adopt(self, orphan: Spool) -> None:
        try:
            if orphan.claim() and orphan.in_place():
                self._send(orphan)
        finally:
            orphan.close()
