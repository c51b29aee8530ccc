"""An agent's heartbeat: its regular report to the monitor that it lives, and its state."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from swf_common_lib.errors import MonitorUnavailable, TestbedError
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings

TIMEOUT = 3.0
"""Seconds that the monitor has to answer: a lease has to outlast several beats that it swallows."""
RETRY = 0.5
"""Seconds from a beat that did not arrive to the next."""

logger = logging.getLogger(__name__)


class Heartbeat:
    """Posts what ``describe`` returns every ``interval`` seconds, from a thread of its own."""

    def __init__(
        self, settings: Settings, describe: Callable[[], dict[str, Any]], interval: float
    ) -> None:
        self._client = MonitorClient.from_settings(settings, timeout=TIMEOUT)
        self._describe = describe
        self._interval = interval
        self._closing = threading.Event()
        self._due = threading.Event()
        self._answered: Callable[[dict[str, Any]], None] | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self, answered: Callable[[dict[str, Any]], None]) -> None:
        """Start the thread; ``answered`` is called with each answer of the monitor."""
        self._answered = answered
        self._thread.start()

    def beat_now(self) -> None:
        """Send the next heartbeat at once."""
        self._due.set()

    def close(self) -> None:
        """Send a last heartbeat and stop."""
        self._closing.set()
        self._due.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        reachable = True
        while True:
            closing = self._closing.is_set()
            self._due.clear()
            try:
                answer = self._client.post("systemagents/heartbeat/", self._describe())
                reachable = True
                if self._answered is not None and not closing:
                    self._answered(answer)
            except MonitorUnavailable as error:
                if reachable:
                    logger.warning("no heartbeat: %s", error.detail)
                reachable = False
            except TestbedError as error:
                logger.error("the monitor refuses the heartbeat: %s", error)
            if closing:
                return
            self._due.wait(self._interval if reachable else min(RETRY, self._interval))
