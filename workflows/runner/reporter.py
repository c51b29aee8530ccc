"""Reports an execution's changes to the monitor, for as long as it takes to reach it."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from swf_common_lib.errors import Conflict, MonitorUnavailable, NotFound, TestbedError
from swf_common_lib.monitor_client import MonitorClient

RETRY_FIRST, RETRY_LAST = 0.05, 2.0
"""Seconds between tries while the monitor does not answer."""

logger = logging.getLogger(__name__)


class Reporter:
    """Sends the changes of one execution's record, in order, from a thread of its own.

    A change is tried again until the monitor accepts or refuses it, or ``give_up`` is set.
    """

    def __init__(self, client: MonitorClient, execution_id: str, give_up: threading.Event) -> None:
        self._client = client
        self._path = f"workflow-executions/{execution_id}/"
        self._execution_id = execution_id
        self._give_up = give_up
        self._changes: queue.SimpleQueue[tuple[dict[str, Any], Callable[[], None]] | None]
        self._changes = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def report(self, changes: dict[str, Any], tried: Callable[[], None] = lambda: None) -> None:
        """Report ``changes`` of the record's fields without waiting.

        ``tried`` is called once the monitor answered, or failed to answer the first time.
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"report {self._execution_id}", daemon=True
            )
            self._thread.start()
        self._changes.put((changes, tried))

    def close(self) -> None:
        """Wait until everything is reported, or abandoned."""
        if self._thread is not None:
            self._changes.put(None)
            self._thread.join()

    def _run(self) -> None:
        while True:
            item = self._changes.get()
            if item is None:
                return
            changes, tried = item
            heard = self._send(changes)
            tried()
            delay = RETRY_FIRST
            while not heard and not self._give_up.wait(delay):
                heard = self._send(changes)
                delay = min(2 * delay, RETRY_LAST)
            if not heard:
                status = changes.get("status", "changed")
                logger.error("not reported: %s is %s", self._execution_id, status)

    def _send(self, changes: dict[str, Any]) -> bool:
        """Try once; return True when the monitor accepted the change, or refused it for good."""
        try:
            self._client.patch(self._path, changes)
        except MonitorUnavailable as error:
            logger.warning("report of %s waits: %s", self._execution_id, error.detail)
            return False
        except (Conflict, NotFound) as error:
            logger.warning("report of %s refused: %s", self._execution_id, error.detail)
        except TestbedError as error:
            logger.error("report of %s refused: %s", self._execution_id, error)
            return error.http_status < 500
        return True
