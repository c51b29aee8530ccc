"""A program under supervisord: its present state, and the end of its log."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """A program of supervisord, and its present state."""

    name: str
    state: str
    """Any of STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN."""
    pid: int
    """0 when it does not run."""
    description: str
    uptime: float
    """Seconds since it started; 0 when it does not run."""
    log_file: Path
    ended_at: datetime | None = None
    """When it ended last, as supervisord remembers; None while it is up, or never ended."""

    @property
    def running(self) -> bool:
        """Return whether it has stayed up for its start seconds."""
        return self.state == "RUNNING"

    @property
    def up(self) -> bool:
        """Return whether there is a process, even if it started a moment ago."""
        return self.state in ("RUNNING", "STARTING", "STOPPING")

    @property
    def active(self) -> bool:
        """Return whether supervisord has started it or keeps trying to."""
        return self.up or self.state == "BACKOFF"

    def last_lines(self, count: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(tail(self.log_file, count))


def tail(path: Path, count: int) -> list[str]:
    """Return the last ``count`` lines of a file; none when there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 400 * count - 4096))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines[-count:] if count else []


def process_from(info: dict[str, Any], log_dir: Path) -> Process:
    """Return the process that supervisord describes; the log is in ``log_dir`` unless it says."""
    up = info["pid"] != 0
    name = info["name"]
    return Process(
        name=name,
        state=info["statename"],
        pid=info["pid"],
        description=info["spawnerr"] or info["description"],
        uptime=max(0.0, float(info["now"] - info["start"])) if up else 0.0,
        log_file=Path(info["stdout_logfile"] or log_dir / f"{name}.log"),
        ended_at=None if up or not info["stop"] else _moment(info["stop"]),
    )


def _moment(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, timezone.utc)
