"""How long it takes from a message's publication to its row being visible in the database."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from statistics import median

import psycopg

from swf_common_lib.messaging import BROADCAST, MessageBus
from swf_common_lib.settings import Settings

INTERVAL = 0.25
"""Seconds between two probes."""
LOOK = 0.01
"""Seconds between two looks for a probe's row."""
GIVEN_UP = 120.0


@dataclass(frozen=True)
class Lag:
    """A lag in seconds."""

    median: float
    maximum: float
    probes: int


class LagProbe:
    """Publishes a message of its own periodically, and looks for its row.

    It goes the way of all broadcasts: the same topic, the same durable subscription, the same
    batches.
    """

    def __init__(self, settings: Settings) -> None:
        self._bus = MessageBus(settings)
        self._url = settings.swf_database_url
        self._seen: list[tuple[float, float]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._bus.start(10)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stopping.set()
        self._thread.join()
        self._bus.close()

    def between(self, begin: float, end: float) -> Lag:
        """Return the lag of the probes that were sent in a period of monotonic time."""
        lags = [lag for sent, lag in self._seen if begin <= sent <= end]
        return Lag(median(lags), max(lags), len(lags)) if lags else Lag(0.0, 0.0, 0)

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as database:
            while not self._stopping.wait(INTERVAL):
                sent = time.monotonic()
                if self._probe(database):
                    self._seen.append((sent, time.monotonic() - sent))

    def _probe(self, database: psycopg.Connection[tuple[object, ...]]) -> bool:
        identity = str(uuid.uuid4())
        body = {"msg_type": "lag_probe", "namespace": "lag-probe", "message_id": identity}
        self._bus.publish(BROADCAST, body)
        deadline = time.monotonic() + GIVEN_UP
        sought = "SELECT 1 FROM records_workflowmessage WHERE message_id = %s"
        while time.monotonic() < deadline:
            if database.execute(sought, [identity]).fetchone():
                return True
            time.sleep(LOOK)
        raise AssertionError(f"a message was not recorded within {GIVEN_UP:g} s")
