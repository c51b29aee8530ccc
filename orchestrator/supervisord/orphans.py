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
    return _state(pid) != "Z"


def process_is_stopped(pid: int) -> bool:
    """Return whether a process was stopped by a signal (SIGSTOP), or by a debugger."""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """Return the letter that the kernel has for the state of a process; empty where unknown."""
    with suppress(OSError, IndexError):
        # "pid (name) state ...": the name may hold spaces and brackets.
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    return ""


def programs_of(socket: Path) -> list[int]:
    """Return the ids of all processes that the supervisord listening on ``socket`` started."""
    return [pid for pid in named_programs_of(socket) if pid != os.getpid()]


def named_programs_of(socket: Path) -> dict[int, str]:
    """Return the program that each living process of that supervisord belongs to, by process id.

    The calling process is among them if it is one.
    """
    mark = f"SUPERVISOR_SERVER_URL=unix://{socket}".encode()
    found = {}
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            if mark in environment:
                found[int(folder.name)] = _program_name(environment)
    return {pid: name for pid, name in found.items() if process_exists(pid)}


def _program_name(environment: list[bytes]) -> str:
    start = b"SUPERVISOR_PROCESS_NAME="
    names = (entry.removeprefix(start) for entry in environment if entry.startswith(start))
    return next(names, b"").decode(errors="replace")


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
