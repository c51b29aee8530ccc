"""Orphans: processes whose supervisord was killed. They are found and ended.

supervisord tells each program its socket in SUPERVISOR_SERVER_URL; Linux shows the environment of
one's own processes in /proc. Elsewhere nothing is found.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def process_exists(pid: int) -> bool:
    """Return whether a process runs; one that ended but was not waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError, IndexError):
        # "pid (name) state ...": the name may hold spaces and brackets.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def programs_of(socket: Path) -> list[int]:
    """Return the ids of all processes that the supervisord listening on ``socket`` started."""
    mark = f"SUPERVISOR_SERVER_URL=unix://{socket}".encode()
    found = []
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid() and process_exists(pid)]


def end_programs_of(socket: Path, patience: float = 10.0) -> list[int]:
    """End the programs that a killed supervisord left running; SIGKILL after ``patience`` s.

    Returns the ids of the processes that were ended. Call it only when that daemon is gone.
    """
    ended = left = programs_of(socket)
    _signal(left, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if process_exists(pid)]
    _signal(left, signal.SIGKILL)
    while any(process_exists(pid) for pid in left):
        time.sleep(0.02)
    return ended


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
