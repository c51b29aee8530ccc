"""The service: from the broker's deliveries to committed batches to acknowledgements."""

from __future__ import annotations

import logging
import threading

from django.db import DatabaseError, InterfaceError, connection

from monitor.database_server import reason
from monitor.ingest.batch import Recorded, record_batch
from monitor.ingest.collector import Collector
from monitor.ingest.entry import Entry
from monitor.ingest.presence import Presence
from monitor.ingest.reader import MessageReader, Read
from swf_common_lib.messaging import BROADCAST, CUMULATIVE, WORKERS, MessageBus
from swf_common_lib.settings import Settings

CLIENT_ID = "monitor-ingest"
"""The broker accepts one connection with this id: of two ingests one is on standby."""
TOPICS = {"ingest-broadcast": BROADCAST, "ingest-workers": WORKERS}
"""Names of the durable subscriptions, and their topics."""
PREFETCH = 5_000
BACKOFF_FIRST, BACKOFF_LAST = 0.1, 5.0
"""Seconds between attempts to write to a database that cannot be written to."""
_WAIT_BRIEFLY = {"sqlite": "PRAGMA busy_timeout = 1000", "postgresql": "SET lock_timeout = 1000"}
"""Waits for other writers end after 1000 ms: then ingest checks whether it has to stop."""
CLOSING = 0.5
"""Seconds that acknowledgements have to reach the broker at the end."""

NOT_STARTED = "not started"
"""The bus's error text before its first attempt to connect, which is not logged."""

logger = logging.getLogger(__name__)


class Ingest:
    """Records every message of the topics exactly once, in the order of arrival.

    A batch is acknowledged after its commit. Messages that were committed but not acknowledged,
    because ingest or broker died in between, come again and are recognised by their ids.
    """

    def __init__(self, settings: Settings) -> None:
        self._bus = MessageBus(settings, CLIENT_ID)
        self._reader = MessageReader(self._bus)
        self._collector = Collector(self._reader)
        self._presence = Presence()
        self._stopping = threading.Event()
        self._connection_told = ""
        self._database_told = ""

    def stop(self) -> None:
        """Make ``run`` return after the present batch. May be called from a signal handler."""
        self._stopping.set()
        self._reader.wake()

    def run(self) -> None:
        """Record until ``stop`` is called."""
        for name, topic in TOPICS.items():
            self._bus.subscribe(topic, ack=CUMULATIVE, prefetch=PREFETCH, durable=name)
        self._bus.start()
        try:
            with self._reader.reading():
                self._record_until_stopped()
        finally:
            self._report(ending=True)
            self._bus.close(CLOSING)
            connection.close()

    def _record_until_stopped(self) -> None:
        while not self._stopping.is_set():
            batch = self._collector.collect(min(0.5, self._presence.seconds_to_report()))
            if batch and self._record([read.entry for read in batch]):
                self._acknowledge(batch)
                self._collector.done()
            self._log_connection()
            if not self._presence.seconds_to_report():
                self._report()

    def _record(self, batch: list[Entry]) -> bool:
        """Record a batch, however long the database is away; return False if stopped before."""
        delay = BACKOFF_FIRST
        while True:
            try:
                self._wait_briefly_for_others()
                recorded = record_batch(batch)
            except (DatabaseError, InterfaceError) as error:
                self._log_database(error)
            else:
                self._log_database(None)
                self._note(recorded)
                return True
            if self._stopping.wait(delay):
                logger.warning(
                    "stopped with %d messages that could not be recorded; the broker keeps them",
                    len(batch),
                )
                return False
            delay = min(2 * delay, BACKOFF_LAST)

    def _note(self, recorded: Recorded) -> None:
        self._presence.note(recorded)
        if recorded.problems:
            logger.warning(
                "%d of %d messages could not be understood; GET /api/workflow-messages/ has them"
                " with their problem",
                recorded.problems,
                recorded.new,
            )

    def _acknowledge(self, batch: list[Read]) -> None:
        """Acknowledge the last delivery of each subscription: that includes those before it."""
        last = {read.delivery.subscription.id: read.delivery for read in batch}
        for delivery in last.values():
            self._bus.ack(delivery)

    def _report(self, *, ending: bool = False) -> None:
        try:
            self._wait_briefly_for_others()
            self._presence.report(self._bus.status(), ending=ending)
        except (DatabaseError, InterfaceError) as error:
            self._log_database(error)

    def _wait_briefly_for_others(self) -> None:
        if connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
        if connection.connection is None:
            with connection.cursor() as cursor:
                cursor.execute(_WAIT_BRIEFLY[connection.vendor])

    def _log_database(self, error: Exception | None) -> None:
        """Log once when the database went away, and once when it is back."""
        told = "" if error is None else reason(error)
        if told == self._database_told:
            return
        self._database_told = told
        if error is None:
            logger.info("the database takes messages again")
        else:
            logger.error("the database does not take messages: %s; trying until it does", told)

    def _log_connection(self) -> None:
        """Log once when messages can be received, and once when they cannot."""
        status = self._bus.status()
        told = "connected" if status.connected else status.detail
        if told == self._connection_told:
            return
        self._connection_told = told
        if status.connected:
            logger.info("recording %s", " and ".join(str(topic) for topic in TOPICS.values()))
        elif "already connected" in told:
            logger.warning("standing by until the other ingest ends: %s", told)
        elif told != NOT_STARTED:
            logger.warning("not recording: %s; trying again", told)
