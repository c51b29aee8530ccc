"""A message that the broker holds: its identity, its encoded headers, its body."""

from __future__ import annotations

import time
from collections.abc import Mapping

from orchestrator.embedded_broker.errors import CommandRejected
from orchestrator.embedded_broker.frames import header_lines, parse_frame

NAME = "testbed-"
"""What a STOMP message-id starts with; the message's number follows."""

# Headers that the broker sets itself; a sender's values for them are not passed on.
_BROKERS_OWN = (
    "receipt",
    "transaction",
    "message-id",
    "timestamp",
    "expires",
    "subscription",
    "ack",
    "redelivered",
    "redelivery-count",
)


class QueuedMessage:
    """One message, shared by all queues that hold it.

    ``number`` orders messages by arrival and is unique over restarts. ``head`` holds the header
    lines that every delivery of it has, encoded once. ``expires``: ms since the epoch, 0: never.
    """

    __slots__ = ("body", "expires", "head", "number", "persistent")

    def __init__(
        self, number: int, head: bytes, body: bytes, *, persistent: bool, expires: int
    ) -> None:
        self.number = number
        self.head = head
        self.body = body
        self.persistent = persistent
        self.expires = expires

    @property
    def size(self) -> int:
        """Return about how many bytes of memory it takes."""
        return len(self.head) + len(self.body) + 200

    def headers(self) -> dict[str, str]:
        """Return the headers, decoded."""
        return parse_frame(b"MESSAGE\n" + self.head[:-1], b"", "1.2").headers

    def expired(self) -> bool:
        """Return whether the message has expired."""
        return 0 < self.expires <= time.time() * 1000


def new_message(
    number: int, destination: str, headers: Mapping[str, str], body: bytes, now: float
) -> QueuedMessage:
    """Return a message for what was sent to ``destination`` at ``now`` (s since the epoch).

    Raises CommandRejected for ``ttl`` or ``expires`` (both ms) that is not a number.
    """
    arrived = int(now * 1000)
    expires = _milliseconds(headers, "expires")
    if not expires:
        ttl = _milliseconds(headers, "ttl")
        expires = arrived + ttl if ttl else 0
    kept = dict(headers)
    for key in _BROKERS_OWN:
        kept.pop(key, None)
    kept["destination"] = destination
    kept.setdefault("priority", "4")
    head = b"message-id:testbed-%d\ntimestamp:%d\nexpires:%d\n%b" % (
        number,
        arrived,
        expires,
        header_lines(kept),
    )
    persistent = headers.get("persistent") in ("true", "True", "TRUE")
    return QueuedMessage(number, head, body, persistent=persistent, expires=expires)


def _milliseconds(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name)
    if not text:
        return 0
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**62:
        raise CommandRejected(f"{name} is not a number of milliseconds: {text[:60]!r}")
    return value
