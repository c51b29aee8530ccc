"""Batches of messages: large when much is waiting, at once when little is."""

from __future__ import annotations

import time

from monitor.ingest.reader import Read, Reader

BATCH_LIMIT = 2_000
"""Messages of one transaction."""
LINGER = 4.0
"""For how long a batch is kept open while messages keep coming, as a multiple of the time that the
one before took: a transaction for each message would cost more than they do."""
LINGER_LEAST, LINGER_MOST = 0.02, 0.06
"""Bounds of that, seconds. The most is what ingest lags behind by its own will."""
BUSY = 0.05
"""Seconds since the last batch within which messages count as keeping coming."""


class Collector:
    """Takes from the reader in batches."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._last = 0.0
        self._collected = 0.0
        self._linger = LINGER_LEAST

    def collect(self, timeout: float) -> list[Read]:
        """Give what waits; wait up to ``timeout`` seconds for the first. Empty when none came."""
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
        """Note that the last batch is recorded."""
        self._last = time.monotonic()
        took = self._last - self._collected
        self._linger = min(max(LINGER * took, LINGER_LEAST), LINGER_MOST)
