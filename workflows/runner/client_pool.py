"""A pool of REST clients for executions, which keeps their connections open."""

from __future__ import annotations

import queue
import threading

from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings


class ClientPool:
    """Clients for one thread at a time each; ``patience`` is theirs."""

    def __init__(self, settings: Settings, patience: float, stop: threading.Event) -> None:
        self._settings = settings
        self._patience = patience
        self._stop = stop
        self._idle: queue.LifoQueue[MonitorClient] = queue.LifoQueue()

    def take(self) -> MonitorClient:
        """Return a client that nobody else uses."""
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return MonitorClient.from_settings(self._settings, self._patience, self._stop)

    def give_back(self, client: MonitorClient) -> None:
        """Return a client to the pool."""
        self._idle.put(client)
