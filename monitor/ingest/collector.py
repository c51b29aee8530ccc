"""Batches of deliveries: large when much is waiting, at once when little is."""

from __future__ import annotations

import time

from swf_common_lib.messaging import Delivery, MessageBus

BATCH_LIMIT = 2_000
"""Messages of one transaction."""
LINGER = 0.02
"""Seconds for which a batch is kept open while messages keep coming: a transaction for each of
them would cost more than they do."""
BUSY = 0.05
"""Seconds since the last batch within which messages count as keeping coming."""


class Collector:
    """Takes deliveries from the bus in batches."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._last = 0.0

    def collect(self, timeout: float) -> list[Delivery]:
        """Give what waits; wait up to ``timeout`` seconds for the first. Empty when none came."""
        first = self._bus.receive(timeout)
        if first is None:
            return []
        batch = [first]
        begun = time.monotonic()
        until = begun + LINGER if begun - self._last < BUSY else begun
        while len(batch) < BATCH_LIMIT:
            delivery = self._bus.receive(max(0.0, until - time.monotonic()))
            if delivery is None:
                break
            batch.append(delivery)
        return batch

    def done(self) -> None:
        """Note that the last batch is recorded."""
        self._last = time.monotonic()
