"""Suspends a runner's executions while it is unknown whether their leases still hold."""

from __future__ import annotations

import threading
import time

SUSPENSION = 5.0
"""Seconds without a sign of life of the runner's own, after which it must have been suspended."""


class Ownership:
    """Doubts arise when the whole process stood still: its leases may have run out meanwhile.

    Until the monitor has answered a heartbeat that was sent later, its executions stand still
    too: another may have ended them, and they must not go on talking. A monitor that merely does
    not answer raises no doubts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = float("inf")  # no doubts before the first sign of life
        self._asked = 0.0
        self._doubted = 0.0
        self._doubtful = False

    def live(self) -> None:
        """Report that the process runs; call this several times in ``SUSPENSION`` seconds."""
        self.doubtful()
        self._last = time.monotonic()

    def doubtful(self) -> bool:
        """Return whether executions are suspended."""
        now = time.monotonic()
        if now - self._last > SUSPENSION:
            with self._lock:
                self._last, self._doubted, self._doubtful = now, now, True
        return self._doubtful

    def ask(self) -> None:
        """Record that a heartbeat is being sent."""
        self._asked = time.monotonic()

    def answered(self) -> None:
        """Record the answer to the last heartbeat; lost executions are known now."""
        with self._lock:
            if self._asked > self._doubted:
                self._doubtful = False
