"""A queue of the broker: messages in their order, and the consumers that they go to.

Each queue that clients name is one, and each subscription to a topic, with at most one consumer.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping

from orchestrator.embedded_broker.consumer import Consumer
from orchestrator.embedded_broker.message import QueuedMessage
from orchestrator.embedded_broker.selector_index import SelectorIndex, Waiting
from orchestrator.embedded_broker.store import Store

logger = logging.getLogger(__name__)

WINDOW = 4000
"""Messages in memory from which on further persistent ones are only on disk."""
WINDOW_BYTES = 32 * 1024 * 1024
"""The same in bytes."""
LOW, PAGE = 1000, 2000
"""Messages in memory below which more are read from disk, and how many at once."""
UNSAVED_LIMIT = 128 * 1024 * 1024
"""Bytes of messages that are not persistent that a queue takes."""
MAX_REDELIVERIES = 6
"""How often a queue's message may fail its consumer before it is a dead letter."""


class MessageQueue:
    """A queue; ``id`` is its id in the store, 0: its messages are not kept on disk.

    ``dead_letter(message, cause)`` moves a message that failed its consumer to the dead letters.
    """

    def __init__(
        self,
        destination: str,
        store: Store,
        dead_letter: Callable[[QueuedMessage, str], None],
        queue_id: int = 0,
    ) -> None:
        self.destination = destination
        self.id = queue_id
        self.matches: Callable[[Mapping[str, str]], bool] | None = None
        """Whether a topic's message belongs here; None: every message does."""
        self.redelivers = False
        """Whether failed deliveries are counted against a message."""
        self.consumers: list[Consumer[MessageQueue]] = []
        self.enqueued = self.dequeued = 0
        self.closed = self.overflowed = False
        self.recovered = 0
        """Messages up to this number were here before the broker's last start."""
        self.returned: dict[int, int] = {}
        """For the messages that were handed back: how often they failed a consumer."""
        self._store = store
        self._dead_letter = dead_letter
        self._ready: Waiting = OrderedDict()
        self._indexes: dict[str, SelectorIndex] = {}
        self._turn = 0
        self._ready_bytes = 0
        self._unsaved_bytes = 0
        self._on_disk = 0  # messages that are on disk alone, all with numbers above _read_to
        self._read_to = 0
        self._reading = False
        self._held: list[QueuedMessage] = []  # not persistent, behind those on disk

    @property
    def waiting(self) -> int:
        """Return the number of messages that no consumer has yet."""
        return len(self._ready) + self._on_disk + len(self._held)

    @property
    def unacknowledged(self) -> int:
        """Return the number of messages that a consumer has and has not acknowledged."""
        return sum(len(consumer.unacked) for consumer in self.consumers)

    @property
    def full(self) -> bool:
        """Return whether it is too full to accept another message that is not persistent."""
        return self._unsaved_bytes > UNSAVED_LIMIT

    def recover(self, depth: int, last_number: int) -> None:
        """Set the queue's stored messages: ``depth`` of them, none above ``last_number``."""
        self._on_disk, self.recovered = depth, last_number

    def add(self, message: QueuedMessage) -> None:
        """Add a message at the end, and deliver it if a consumer has room for it."""
        self.enqueued += 1
        if not self._on_disk and self._deliver(message):
            return
        if not (message.persistent and self.id):
            self._unsaved_bytes += message.size
            if self._on_disk:
                self._held.append(message)
            else:
                self._keep(message)
        elif self._on_disk:
            self._on_disk += 1
        elif self._window_full():
            self._on_disk, self._read_to = 1, message.number - 1
        else:
            self._keep(message)

    def _window_full(self) -> bool:
        # With selectors, a message that matches may be behind any number of others.
        full = len(self._ready) >= WINDOW or self._ready_bytes >= WINDOW_BYTES
        return full and not self._indexes

    def _deliver(self, message: QueuedMessage) -> bool:
        # A consumer with room has nothing waiting that it could take, so no message is overtaken.
        consumers = self.consumers
        headers = message.headers() if self._indexes else {}
        for step in range(len(consumers)):
            place = (self._turn + step) % len(consumers)
            consumer = consumers[place]
            if consumer.has_room() and (consumer.index is None or consumer.index.matches(headers)):
                self._turn = place + 1
                if message.expires and message.expired():
                    self.settle(message)
                else:
                    consumer.deliver(message)
                return True
        return False

    def _keep(self, message: QueuedMessage) -> None:
        self._ready[message.number] = message
        self._ready_bytes += message.size
        if self._indexes:
            headers = message.headers()
            for index in self._indexes.values():
                if index.matches(headers):
                    index.waiting[message.number] = message

    def _next_for(self, consumer: Consumer[MessageQueue]) -> QueuedMessage | None:
        waiting = self._ready if consumer.index is None else consumer.index.waiting
        while waiting:
            message = waiting.popitem(last=False)[1]
            self._forget(message)
            if not message.expires or not message.expired():
                return message
            self.settle(message)
        return None

    def _forget(self, message: QueuedMessage) -> None:
        self._ready.pop(message.number, None)
        for index in self._indexes.values():
            index.waiting.pop(message.number, None)
        self._ready_bytes -= message.size
        if not (message.persistent and self.id):
            self._unsaved_bytes -= message.size

    def feed(self, consumer: Consumer[MessageQueue]) -> None:
        """Deliver messages to one consumer, as many as it has room for."""
        while consumer.has_room():
            message = self._next_for(consumer)
            if message is None:
                break
            consumer.deliver(message)
        if self._on_disk:
            self._read_on()

    def dispatch(self) -> None:
        """Deliver messages to the consumers in turn, as many as they have room for."""
        busy = True
        while busy and self._ready:
            busy = False
            for consumer in self.consumers[self._turn :] + self.consumers[: self._turn]:
                message = self._next_for(consumer) if consumer.has_room() else None
                if message is not None:
                    consumer.deliver(message)
                    busy = True
        if self._on_disk:
            self._read_on()

    def _read_on(self) -> None:
        wanted = len(self._ready) < LOW or any(c.has_room() for c in self.consumers)
        if wanted and self.consumers and not self._reading:
            self._reading = True
            self._store.page(self.id, self._read_to, PAGE, self._take_page)

    def _take_page(self, messages: list[QueuedMessage]) -> None:
        self._reading = False
        if self.closed:
            return
        if messages:
            self._read_to = messages[-1].number
            self._on_disk = max(0, self._on_disk - len(messages))
        else:
            logger.error("%s: %d messages are not on disk", self.destination, self._on_disk)
            self._on_disk = 0
        behind = [m for m in self._held if self._on_disk and m.number > self._read_to]
        ahead = [m for m in self._held if not self._on_disk or m.number < self._read_to]
        self._held = behind
        for message in sorted(messages + ahead, key=_by_number):
            self._keep(message)
        self.dispatch()

    def settle(self, message: QueuedMessage) -> None:
        """Remove a message that was acknowledged, has expired or became a dead letter."""
        self.dequeued += 1
        if self.returned:
            self.returned.pop(message.number, None)
        if message.persistent and self.id:
            self._store.remove(self.id, message.number)

    def dead_letter(self, message: QueuedMessage, cause: str) -> None:
        """Move a message to the dead letters."""
        self._dead_letter(message, cause)
        self.settle(message)

    def attach(self, consumer: Consumer[MessageQueue], selector: str = "") -> None:
        """Add a consumer; raises SelectorError."""
        if selector:
            index = self._indexes.get(selector)
            if index is None:
                index = SelectorIndex(selector)
                for message in self._ready.values():
                    if index.matches(message.headers()):
                        index.waiting[message.number] = message
                self._indexes[selector] = index
            index.consumers += 1
            consumer.index = index
        self.consumers.append(consumer)

    def detach(self, consumer: Consumer[MessageQueue], *, failed: bool) -> None:
        """Remove a consumer; what it had not acknowledged goes back, in order.

        ``failed`` counts against the message that it worked on; giving back in order does not.
        """
        self.consumers.remove(consumer)
        index = consumer.index
        if index is not None:
            index.consumers -= 1
            if not index.consumers:
                del self._indexes[index.selector]
        unacked = list(consumer.unacked.values())
        consumer.unacked.clear()
        if unacked and not self.closed:
            self._put_back(unacked, failed=failed)

    def _put_back(self, messages: list[QueuedMessage], *, failed: bool) -> None:
        for message in messages:
            self.returned.setdefault(message.number, 0)
        # A consumer works through its messages in order: only the oldest can have failed it.
        suspect = messages[0].number
        self.returned[suspect] += failed
        if self.redelivers and self.returned[suspect] > MAX_REDELIVERIES:
            self.dead_letter(
                messages.pop(0), f"redelivered {MAX_REDELIVERIES} times without an ACK"
            )
        for message in messages:
            self._keep(message)
            if not (message.persistent and self.id):
                self._unsaved_bytes += message.size
        self._ready = _in_order(self._ready)
        for index in self._indexes.values():
            index.waiting = _in_order(index.waiting)
        self.dispatch()

    def drop_expired(self) -> None:
        """Drop the expired messages in memory."""
        for message in [m for m in self._ready.values() if m.expires and m.expired()]:
            self._forget(message)
            self.settle(message)


def _by_number(message: QueuedMessage) -> int:
    return message.number


def _in_order(waiting: Waiting) -> Waiting:
    numbers = list(waiting)
    if numbers == sorted(numbers):
        return waiting
    return OrderedDict(sorted(waiting.items()))
