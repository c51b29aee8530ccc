"""One subscription of one connection, with its deliveries that are not acknowledged yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from orchestrator.embedded_broker.frames import escape
from orchestrator.embedded_broker.message import NAME, QueuedMessage
from orchestrator.embedded_broker.selector_index import SelectorIndex

ACK_MODES = ("auto", "client", "client-individual")


class Client(Protocol):
    """The connection that a consumer belongs to, as the consumer needs it."""

    version: str
    writable: bool

    def write(self, pieces: Iterable[bytes], size: int) -> None:
        """Send bytes; ``size`` counts for messages."""

    def fail(self, text: str, receipt: str | None = None) -> None:
        """Send an ERROR and close the connection."""


class DeliveringQueue(Protocol):
    """The queue that a consumer's messages come from, as the consumer needs it."""

    recovered: int
    returned: dict[int, int]

    def settle(self, message: QueuedMessage) -> None:
        """Remove a message that was acknowledged."""


QueueType = TypeVar("QueueType", bound=DeliveringQueue)


class Consumer(Generic[QueueType]):
    """A subscription; ``identity`` is its id header, ``number`` its place on the connection.

    It is given messages while fewer than ``prefetch`` are unacknowledged and the connection takes
    them. With ``auto`` a message is done when it is written.
    """

    __slots__ = (
        "_head",
        "_tail",
        "ack_mode",
        "client",
        "identity",
        "index",
        "number",
        "prefetch",
        "queue",
        "unacked",
    )

    def __init__(
        self,
        client: Client,
        identity: str,
        number: int,
        queue: QueueType,
        ack_mode: str,
        prefetch: int,
    ) -> None:
        self.client = client
        self.identity = identity
        self.number = number
        self.queue = queue
        self.ack_mode = ack_mode
        self.prefetch = prefetch
        self.index: SelectorIndex | None = None
        self.unacked: OrderedDict[int, QueuedMessage] = OrderedDict()
        self._head = f"MESSAGE\nsubscription:{escape(identity)}\n".encode()
        self._tail = b""
        if client.version == "1.2" and ack_mode != "auto":
            self._tail = b"@%d\n" % number

    def has_room(self) -> bool:
        """Return whether it has room for another message now."""
        return self.client.writable and len(self.unacked) < self.prefetch

    def deliver(self, message: QueuedMessage) -> None:
        """Write a message to the connection."""
        queue, head = self.queue, self._head
        if self._tail:
            head += b"ack:%d%b" % (message.number, self._tail)
        if message.number <= queue.recovered or message.number in queue.returned:
            count = queue.returned.get(message.number, 0)
            head += b"redelivered:true\n"
            if count:
                head += b"redelivery-count:%d\n" % count
        if self.ack_mode == "auto":
            queue.settle(message)
        else:
            self.unacked[message.number] = message
        self.client.write((head, message.head, b"\n", message.body, b"\0"), message.size)

    def acknowledge(self, number: int) -> list[QueuedMessage] | None:
        """Return the messages that an ACK or NACK of a number covers; None: it is not here."""
        if number not in self.unacked:
            return None
        if self.ack_mode == "client-individual":
            return [self.unacked.pop(number)]
        messages = []
        while True:
            taken, message = self.unacked.popitem(last=False)
            messages.append(message)
            if taken == number:
                return messages


def delivered_number(ack_id: str) -> tuple[int, int]:
    """Read a 1.2 ack header: the message's number and the consumer's; 0: not one of ours."""
    number, _, consumer = ack_id.partition("@")
    return _number(number), _number(consumer)


def named_number(message_id: str) -> int:
    """Read the message's number in a message-id; 0: not one of ours."""
    return _number(message_id[len(NAME) :]) if message_id.startswith(NAME) else 0


def _number(digits: str) -> int:
    return int(digits) if digits.isdecimal() and len(digits) < 20 else 0
