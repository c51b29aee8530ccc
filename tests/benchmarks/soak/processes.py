"""Memory and CPU time of processes, a sample a second."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

INTERVAL = 1.0
"""Seconds between two samples."""
MEGABYTE = 1_000_000
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """One program at one moment."""

    moment: float
    """Monotonic seconds."""
    megabytes: float
    """RSS; of a program with children the sum of their proportional shares (PSS)."""
    cpu_seconds: float
    """Spent so far, children included."""


@dataclass
class Usage:
    """The samples of one program."""

    samples: list[Sample] = field(default_factory=list)

    def between(self, begin: float, end: float) -> Usage:
        """Return the samples of a period."""
        return Usage([each for each in self.samples if begin <= each.moment <= end])

    @property
    def first(self) -> float:
        """Return the megabytes at the start: the median of its first samples."""
        return _middle([each.megabytes for each in self.samples[:5]])

    @property
    def last(self) -> float:
        """Return the megabytes at the end: the median of its last samples."""
        return _middle([each.megabytes for each in self.samples[-5:]])

    @property
    def slope(self) -> float:
        """Return the growth in megabytes per minute, by least squares over all samples."""
        if len(self.samples) < 2:
            return 0.0
        times = [each.moment / 60 for each in self.samples]
        sizes = [each.megabytes for each in self.samples]
        mean_time, mean_size = sum(times) / len(times), sum(sizes) / len(sizes)
        spread = sum((time - mean_time) ** 2 for time in times)
        joint = sum(
            (time - mean_time) * (size - mean_size) for time, size in zip(times, sizes, strict=True)
        )
        return joint / spread

    @property
    def cpu(self) -> float:
        """Return the average number of cores in use."""
        if len(self.samples) < 2:
            return 0.0
        begin, end = self.samples[0], self.samples[-1]
        return (end.cpu_seconds - begin.cpu_seconds) / (end.moment - begin.moment)


class Watch:
    """Samples programs on a thread of its own."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.pids = {**pids, "(this measurement)": os.getpid()}
        self.usage = {name: Usage() for name in [*self.pids, MACHINE]}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._look()
            self._stopping.wait(INTERVAL)

    def _look(self) -> None:
        children = _children()
        for name, pid in self.pids.items():
            try:
                sample = _sample(pid, children)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended; the end of the soak compares process ids
            self.usage[name].samples.append(sample)
        spent = Sample(time.monotonic(), 0.0, _machine_cpu())
        self.usage[MACHINE].samples.append(spent)


MACHINE = "(whole machine)"


def _sample(pid: int, children: Mapping[int, list[int]]) -> Sample:
    family = [pid, *_descendants(pid, children)]
    size = _rss(pid) if len(family) == 1 else sum(_pss(each) for each in family)
    return Sample(time.monotonic(), size, sum(_cpu(each) for each in family))


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parent = int(_stat(int(path.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            found.setdefault(parent, []).append(int(path.name))
    return found


def _descendants(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    below = children.get(pid, [])
    return [*below, *(each for child in below for each in _descendants(child, children))]


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` after the command's name: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0  # a child that has just ended
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / MEGABYTE


def _machine_cpu() -> float:
    """Return the CPU seconds that the machine has spent on anything but idling and waiting."""
    numbers = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle = numbers[3] + numbers[4]
    return (sum(numbers[:8]) - idle) / _TICK


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
