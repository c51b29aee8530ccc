"""Suspends a runner's executions while it is unknown whether their leases still hold."""

from __future__ import annotations

import threading
import time

SUSPENSION = 5.0
"""Seconds between two calls of ``process_runs`` from which the process must have been frozen."""


class LeaseGuard:
    """Suspends executions after the process was frozen, until a heartbeat confirms their leases.

    The leases may have run out while the process was frozen, and the monitor may have ended the
    executions: they must not send messages before it has answered a heartbeat that was sent
    afterwards. A monitor that merely does not answer suspends nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_run = float("inf")  # nothing is suspended before the first ``process_runs``
        self._last_heartbeat = 0.0
        self._suspended_at = 0.0
        self._suspended = False

    def process_runs(self) -> None:
        """Record that the process is running; call this several times in ``SUSPENSION`` seconds."""
        self.suspended()
        self._last_run = time.monotonic()

    def suspended(self) -> bool:
        """Return whether executions are suspended."""
        now = time.monotonic()
        if now - self._last_run > SUSPENSION:
            with self._lock:
                self._last_run, self._suspended_at, self._suspended = now, now, True
        return self._suspended

    def heartbeat_sent(self) -> None:
        """Record that a heartbeat is being sent."""
        self._last_heartbeat = time.monotonic()

    def heartbeat_answered(self) -> None:
        """Record the answer to the last heartbeat; lost executions are known now."""
        with self._lock:
            if self._last_heartbeat > self._suspended_at:
                self._suspended = False
