"""Asks the monitor which runs there are and which of them have no work left.

From a thread of its own, so that a slow monitor never holds up slices.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from swf_common_lib.errors import MonitorUnavailable, NotFound, TestbedError
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings

SCAN_INTERVAL = 10.0
"""Wall seconds between two looks at all runs."""
SCANNED_RUNS = 1000
"""The newest unfinished runs of the namespace that such a look sees."""
UNFINISHED = "imminent,physics,standby,processing"
"""Phases of runs that have, or will have, work."""
ASK_FIRST, ASK_LAST = 0.25, 5.0
"""Wall seconds between two questions for one run; each doubles the one before."""

logger = logging.getLogger(__name__)


class RunWatch:
    """Fetches the states of unfinished runs of a namespace, and of runs that are served.

    It does so periodically, for some runs more often.
    """

    def __init__(self, settings: Settings, namespace: str, notify: Callable[[], None]) -> None:
        self._client = MonitorClient.from_settings(settings)
        self._namespace = namespace
        self._notify = notify
        self._wanted: frozenset[str] = frozenset()
        self._served: frozenset[str] = frozenset()
        self._states: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._awake = threading.Event()
        self._closing = False
        self._reachable = True
        self._asks: dict[str, tuple[float, float]] = {}
        self._thread = threading.Thread(target=self._run, name="run-watch", daemon=True)

    def start(self) -> None:
        """Start the thread; all runs are looked at right away."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; wait 2 s at most for an answer that is on its way."""
        self._closing = True
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def ask_about(self, run_ids: frozenset[str], served: frozenset[str]) -> None:
        """Set which runs to ask about more often, and which are served at all."""
        self._served = served
        if run_ids != self._wanted:
            self._wanted = run_ids
            self._awake.set()

    def news(self) -> list[dict[str, Any]]:
        """Return the run states that came since the last call, oldest first."""
        states = []
        while not self._states.empty():
            states.append(self._states.get())
        return states

    def _run(self) -> None:
        next_scan = 0.0
        while not self._closing:
            self._awake.clear()
            now = time.monotonic()
            try:
                if now >= next_scan:
                    next_scan = now + SCAN_INTERVAL
                    self._scan()
                self._ask(now)
                self._reachable = True
            except MonitorUnavailable as error:
                if self._reachable:
                    logger.warning("runs cannot be looked up: %s", error.detail)
                self._reachable = False
            except TestbedError as error:
                logger.error("the monitor does not tell about runs: %s", error)
            times = [next_scan, *(when for when, _ in self._asks.values())]
            self._awake.wait(max(ASK_FIRST, min(times) - time.monotonic()))

    def _scan(self) -> None:
        served = self._served
        states = self._client.get(
            "run-states/", phase=UNFINISHED, namespace=self._namespace, limit=SCANNED_RUNS
        )
        self._give(states)
        missing = served - {str(state["run_number"]) for state in states}
        numbers = ",".join(sorted(run_id for run_id in missing if run_id.isdecimal()))
        if numbers:  # completed, and this process did not get the message
            self._give(self._client.get("run-states/", run_number=numbers, limit=SCANNED_RUNS))

    def _ask(self, now: float) -> None:
        wanted = self._wanted
        self._asks = {run_id: self._asks.get(run_id, (now, ASK_FIRST)) for run_id in sorted(wanted)}
        for run_id, (when, delay) in self._asks.items():
            if now < when:
                continue
            self._asks[run_id] = (now + delay, min(2 * delay, ASK_LAST))
            try:
                self._give([self._client.get(f"run-states/{run_id}/")])
            except NotFound:
                continue  # ingest has not come to its first message yet

    def _give(self, states: list[dict[str, Any]]) -> None:
        for state in states:
            self._states.put(state)
        if states:
            self._notify()
