"""Batches of messages: large while many are waiting, without delay while few are."""

from __future__ import annotations

import time

from monitor.ingest.reader import MessageReader, Read

BATCH_LIMIT = 2_000
"""Messages of one transaction."""
LINGER = 4.0
"""How long a batch stays open while messages keep coming, as a multiple of the time that the last
batch took: one transaction for each message would cost more than the messages."""
LINGER_LEAST, LINGER_MOST = 0.02, 0.06
"""Bounds of that time in seconds. The upper one is the lag that ingest adds by itself."""
BUSY = 0.05
"""Seconds since the last batch within which messages count as keeping coming."""


class Collector:
    """Collects messages from the reader into batches."""

    def __init__(self, reader: MessageReader) -> None:
        self._reader = reader
        self._last = 0.0
        self._collected = 0.0
        self._linger = LINGER_LEAST

    def collect(self, timeout: float) -> list[Read]:
        """Return the waiting messages; wait ``timeout`` seconds for the first, else return []."""
        first = self._reader.receive(timeout)
        if first is None:
            return []
        batch: list[Read] = []
        begun = time.monotonic()
        until = begun + self._linger if begun - self._last < BUSY else begun
        following: Read | None = first
        while following is not None:
            batch.append(following)
            batch += self._reader.waiting(BATCH_LIMIT - len(batch))
            if len(batch) == BATCH_LIMIT:
                break
            following = self._reader.receive(max(0.0, until - time.monotonic()))
        self._collected = time.monotonic()
        return batch

    def done(self) -> None:
        """Mark the last batch as recorded: its duration sets how long the next one stays open."""
        self._last = time.monotonic()
        took = self._last - self._collected
        self._linger = min(max(LINGER * took, LINGER_LEAST), LINGER_MOST)
