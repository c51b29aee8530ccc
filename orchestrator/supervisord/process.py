"""A program under supervisord as it stands, and the end of what it wrote."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """A program of supervisord as it stands now."""

    name: str
    state: str
    """supervisord's word: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN."""
    pid: int
    """0 when it does not run."""
    description: str
    uptime: float
    """Seconds since it started; 0 when it does not run."""
    log_file: Path

    @property
    def running(self) -> bool:
        """Whether it has stayed up for its start seconds."""
        return self.state == "RUNNING"

    @property
    def up(self) -> bool:
        """Whether there is a process, however young."""
        return self.state in ("RUNNING", "STARTING", "STOPPING")

    @property
    def active(self) -> bool:
        """Whether supervisord has it up or keeps trying to."""
        return self.up or self.state == "BACKOFF"

    def last_lines(self, count: int = 15) -> str:
        """Give the end of what it wrote."""
        return "\n".join(tail(self.log_file, count))


def tail(path: Path, count: int) -> list[str]:
    """Give the last ``count`` lines of a file; none when there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 400 * count - 4096))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return lines[-count:] if count else []


def process_from(info: dict[str, Any], log_dir: Path) -> Process:
    """Make it of what supervisord tells; its log is in ``log_dir`` when that does not say."""
    up = info["pid"] != 0
    name = info["name"]
    return Process(
        name=name,
        state=info["statename"],
        pid=info["pid"],
        description=info["spawnerr"] or info["description"],
        uptime=max(0.0, float(info["now"] - info["start"])) if up else 0.0,
        log_file=Path(info["stdout_logfile"] or log_dir / f"{name}.log"),
    )
