"""Reading ahead: messages are understood while those before them are being recorded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from monitor.ingest.entry import Entry, Incoming, read_entry
from swf_common_lib.messaging import Delivery

PATIENCE = 1.0
"""Seconds that the thread that reads waits at a time; who ends it wakes it."""


class Source(Protocol):
    """Where deliveries come from: the message bus."""

    def receive(self, timeout: float) -> Delivery | None:
        """Give the next delivery; None when there was none for ``timeout`` seconds."""

    def wake(self) -> None:
        """Make a ``receive`` that waits return None at once."""


class Read(NamedTuple):
    """A delivery, to be acknowledged, and what it says."""

    delivery: Delivery
    entry: Entry


class Reader:
    """Reads deliveries on a thread of its own: the database's work and this one go side by side.

    How far it reads ahead is bounded by the prefetch of the subscriptions: what is not recorded
    is not acknowledged.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._read: queue.SimpleQueue[Read | None] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._reading: Future[None] = Future()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read until the end of the block."""
        with ThreadPoolExecutor(1, "ingest-reader") as threads:
            self._reading = threads.submit(self._run)
            try:
                yield
            finally:
                self._ending.set()
                self._source.wake()

    def receive(self, timeout: float) -> Read | None:
        """Give the next message; None when there was none for ``timeout`` seconds.

        Raises what ended the reading before its time.
        """
        try:
            return self._read.get(timeout=timeout) if timeout > 0 else self._read.get_nowait()
        except queue.Empty:
            if self._reading.done():
                self._reading.result()
            return None

    def waiting(self, most: int) -> Iterator[Read]:
        """Give what is read already, up to ``most`` messages."""
        for _ in range(most):
            try:
                read = self._read.get_nowait()
            except queue.Empty:
                return
            if read is None:
                return
            yield read

    def wake(self) -> None:
        """Make a ``receive`` that waits return None at once; may be called by a signal handler."""
        self._read.put(None)

    def _run(self) -> None:
        while not self._ending.is_set():
            delivery = self._source.receive(PATIENCE)
            if delivery is not None:
                incoming = Incoming(delivery.body, delivery.headers, delivery.destination)
                self._read.put(Read(delivery, read_entry(incoming)))
