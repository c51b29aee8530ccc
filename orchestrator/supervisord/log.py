"""supervisord's own log: which programs ended, when, how, and whether somebody had told them to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

BYTES_READ = 256 * 1024
"""The end of the log that is read, the last file of before a rotation included."""
LONGEST_RETRY = timedelta(seconds=10)
"""supervisord itself starts a program again within so long (``startretries`` + 1 seconds); a start
that comes later was made by somebody."""

_LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) [A-Z]+ "
    r"(?:(?P<kind>spawned|success|exited|stopped|gave up): '?(?P<program>[^\s']+)'?"
    r"(?: \((?P<how>.*?)(?:; (?:not )?expected)?\)$| .*$)"
    r"|(?P<daemon>supervisord started) with pid \d+$)"
)


class EventKind(str, Enum):
    """What a line of the log is about."""

    DAEMON_STARTED = "supervisord started"
    SPAWNED = "spawned"
    SUCCESS = "success"
    """It has stayed up for its start seconds."""
    EXITED = "exited"
    """It ended by itself, or was killed by somebody else."""
    STOPPED = "stopped"
    """It ended because supervisord had been told to stop it."""
    GAVE_UP = "gave up"


@dataclass(frozen=True)
class LogEvent:
    """A line of the log that tells of a program, or of supervisord itself."""

    at: datetime
    kind: EventKind
    program: str = ""
    how: str = ""
    """``exit status 1``, ``terminated by SIGKILL``; for an end alone."""


@dataclass(frozen=True)
class End:
    """How a program ended."""

    at: datetime
    orderly: bool
    """Whether supervisord had been told to stop it."""
    how: str
    """``exit status 1``, ``terminated by SIGKILL``."""
    was_up: bool = True
    """Whether it had stayed up for its start seconds before."""


@dataclass
class History:
    """What the log tells of one program."""

    end: End | None = None
    """How it ended; None while it is up, or when the log does not say."""
    deaths: list[End] = field(default_factory=list)
    """Ends that nobody ordered, since somebody last stopped or started it."""


def read_histories(log_file: Path) -> dict[str, History]:
    """Return what the end of supervisord's log tells, by program."""
    return histories(parse(_tail(log_file)))


def parse(text: str) -> Iterator[LogEvent]:
    """Yield the events that a log tells of, the oldest first."""
    for line in text.splitlines():
        if found := _LINE.match(line):
            # supervisord writes local time, and knows of no zone.
            at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S,%f").astimezone()
            kind = EventKind(found["daemon"] or found["kind"])
            yield LogEvent(at, kind, found["program"] or "", found["how"] or "")


def histories(events: Iterable[LogEvent]) -> dict[str, History]:
    """Return what events tell, by program."""
    programs: dict[str, _Reader] = {}
    for event in events:
        if event.kind is EventKind.DAEMON_STARTED:
            for reader in programs.values():
                reader.history.deaths.clear()
        else:
            programs.setdefault(event.program, _Reader()).take(event)
    return {name: reader.history for name, reader in programs.items()}


class _Reader:
    """Follows one program through its events."""

    def __init__(self) -> None:
        self.history = History()
        self._was_up = True  # its start may have been before the first line
        self._gave_up = False

    def take(self, event: LogEvent) -> None:
        """Process the program's next event."""
        if event.kind is EventKind.SPAWNED:
            if self._gave_up or self._by_hand(event.at):
                self.history.deaths.clear()
            self.history.end = None
            self._was_up = self._gave_up = False
        elif event.kind is EventKind.SUCCESS:
            self._was_up = True
        elif event.kind is EventKind.GAVE_UP:
            self._gave_up = True
        else:
            self._take_end(event)

    def _take_end(self, event: LogEvent) -> None:
        orderly = event.kind is EventKind.STOPPED
        self.history.end = End(event.at, orderly, event.how, self._was_up)
        if orderly:
            self.history.deaths.clear()
        else:
            self.history.deaths.append(self.history.end)

    def _by_hand(self, at: datetime) -> bool:
        deaths = self.history.deaths
        return bool(deaths) and at - deaths[-1].at > LONGEST_RETRY


def _tail(log_file: Path) -> str:
    """Return the last lines of the log, from its last backup too when the file is short."""
    end = _last_bytes(log_file, BYTES_READ)
    missing = BYTES_READ - len(end)
    before = _last_bytes(log_file.with_name(f"{log_file.name}.1"), missing) if missing else b""
    return (before + end).decode("utf-8", errors="replace")


def _last_bytes(path: Path, count: int) -> bytes:
    with suppress(FileNotFoundError, PermissionError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - count))
        return file.read(count)
    return b""
