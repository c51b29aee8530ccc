"""Reading ahead: messages are parsed while earlier ones are being recorded."""

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
"""Seconds that the reading thread waits at a time; to end it, it is woken."""


class Source(Protocol):
    """The source of deliveries: the message bus."""

    def receive(self, timeout: float) -> Delivery | None:
        """Return the next delivery; None when there was none for ``timeout`` seconds."""

    def wake(self) -> None:
        """Make a waiting ``receive`` return None at once."""


class Read(NamedTuple):
    """A delivery, which has to be acknowledged, and its parsed message."""

    delivery: Delivery
    entry: Entry


class MessageReader:
    """Reads deliveries on a thread of its own, in parallel with the database's work.

    The prefetch of the subscriptions limits how far it reads ahead: messages are acknowledged
    only when they are recorded.
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
        """Return the next message; None when there was none for ``timeout`` seconds.

        Raises the error that ended the reading, if one did.
        """
        try:
            return self._read.get(timeout=timeout) if timeout > 0 else self._read.get_nowait()
        except queue.Empty:
            if self._reading.done():
                self._reading.result()
            return None

    def waiting(self, most: int) -> Iterator[Read]:
        """Yield the messages that are read already, up to ``most`` of them."""
        for _ in range(most):
            try:
                read = self._read.get_nowait()
            except queue.Empty:
                return
            if read is None:
                return
            yield read

    def wake(self) -> None:
        """Make a waiting ``receive`` return None at once; may be called by a signal handler."""
        self._read.put(None)

    def _run(self) -> None:
        while not self._ending.is_set():
            delivery = self._source.receive(PATIENCE)
            if delivery is not None:
                incoming = Incoming(delivery.body, delivery.headers, delivery.destination)
                self._read.put(Read(delivery, read_entry(incoming)))
