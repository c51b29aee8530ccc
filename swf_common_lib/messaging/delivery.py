"""Subscriptions and the deliveries that they bring."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field

from swf_common_lib.messaging.destinations import Destination

CUMULATIVE, INDIVIDUAL = "client", "client-individual"
"""STOMP's ways to acknowledge: a delivery with all before it, or each. The first is the cheaper for
the broker; the second is for deliveries that are not done with in their order."""


@dataclass(eq=False)
class Subscription:
    """A subscription to a destination; replayed on every new connection.

    ``ack`` is STOMP's mode: ``auto``, ``CUMULATIVE`` or ``INDIVIDUAL``.
    ``durable`` names a subscription that the broker keeps while this process is not connected.
    """

    id: str
    destination: Destination | str
    ack: str
    prefetch: int
    durable: str
    selector: str
    sink: queue.SimpleQueue[Delivery | None] = field(repr=False)
    active: bool = True

    def headers(self, durable_header: str) -> dict[str, str]:
        """Return the headers of the SUBSCRIBE frame, the broker's extensions included."""
        headers = {"activemq.prefetchSize": str(self.prefetch)}
        if self.durable:
            headers[durable_header] = self.durable
        if self.selector:
            headers["selector"] = self.selector
        return headers


@dataclass(frozen=True, eq=False)
class Delivery:
    """A message as it came in, to be acknowledged on the connection that brought it."""

    body: bytes
    headers: dict[str, str]
    subscription: Subscription
    generation: int
    """Number of the connection that brought it; an ack on a later one would mean nothing."""

    @property
    def destination(self) -> str:
        """Return where it was sent, under our name; the header has the broker's name."""
        return str(self.subscription.destination)

    @property
    def identity(self) -> str:
        """Return the broker's own id of the message."""
        return self.headers.get("message-id", "")

    @property
    def reply_to(self) -> str:
        """Return where the sender expects an answer; empty when it expects none."""
        return self.headers.get("reply-to", "")
