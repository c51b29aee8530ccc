"""The message bus: publishing and receiving over a connection that is renewed when lost."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messages import parse_body
from swf_common_lib.messaging import frames
from swf_common_lib.messaging.delivery import INDIVIDUAL, Delivery, Subscription
from swf_common_lib.messaging.destinations import Destination, check_destination, for_broker
from swf_common_lib.messaging.encoding import encode_message
from swf_common_lib.messaging.link import Link
from swf_common_lib.messaging.outbox import Latency, Outbox
from swf_common_lib.settings import Settings

UNCONFIRMED_LIMIT = 10_000
"""Messages that may await the broker; a publisher beyond it waits."""
BACKOFF_FIRST, BACKOFF_LAST = 0.1, 2.0
"""Seconds between attempts to connect; each doubles the one before, with jitter."""
STABLE_AFTER = 5.0
"""Seconds after which a connection counts as good, and its loss as a new trouble."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BusStatus:
    """The state of the bus."""

    connected: bool
    detail: str
    """Why it is not connected; empty when it is."""
    unconfirmed: int
    """Messages that the broker has not confirmed yet."""
    refused: int = 0
    """Errors that the broker reported over what was sent, since the bus began."""
    refusal: str = ""
    """The last of them, in the broker's words."""
    refused_at: float = 0.0
    """When that was, in seconds since the epoch; 0: never."""

    def refusals(self) -> dict[str, Any]:
        """Return what the broker refused, for a heartbeat; nothing if it took all."""
        if not self.refused:
            return {}
        return {
            "messages_refused": self.refused,
            "last_refusal": self.refusal,
            "last_refusal_at": round(self.refused_at, 3),
        }


class MessageBus:
    """One connection to the broker, renewed whenever it is lost. Safe to use from any thread.

    What is published is kept until the broker confirmed it and sent again after a reconnect, in
    order. Subscriptions are replayed. Deliveries wait in a queue until ``receive`` takes them on
    the caller's own thread: a slow handler never disturbs the connection.
    """

    def __init__(self, settings: Settings, client_id: str = "") -> None:
        self.settings = settings
        self.client_id = client_id
        self._outbox = Outbox(UNCONFIRMED_LIMIT)
        self._subscriptions: dict[str, Subscription] = {}
        self._deliveries: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._link: Link | None = None
        self._generation = 0
        self._detail = "connecting"
        self._refusals: tuple[int, str, float] = (0, "", 0.0)
        # Its own: the module's generator is for those who seed it to repeat what they did.
        self._jitter = random.Random()  # noqa: S311
        self._closing = threading.Event()
        self._connected = threading.Event()
        self._subscribing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="message-bus", daemon=True)

    # Life

    def start(self, timeout: float | None = None) -> None:
        """Connect in the background and keep connected.

        With ``timeout`` (seconds): wait for the first connection, and raise BrokerUnavailable
        (saying why) when there is none by then; the attempts go on until ``close``.
        """
        self._thread.start()
        if timeout is not None and not self.wait_connected(timeout):
            raise BrokerUnavailable(
                self._detail,
                "Start the broker (testbed start-local), or correct ACTIVEMQ_HOST, ACTIVEMQ_PORT,"
                " ACTIVEMQ_USER and ACTIVEMQ_PASSWORD.",
            )

    def close(self, timeout: float = 5.0) -> None:
        """Wait up to ``timeout`` seconds for confirmations, then close the connection."""
        if self._thread.is_alive():
            self._outbox.wait_confirmed(self._outbox.last, timeout)
        self._closing.set()
        with self._outbox.changed:
            self._outbox.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout + 1.0)

    @property
    def connected(self) -> bool:
        """Return whether the broker is connected."""
        return self._connected.is_set()

    def wait_connected(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the broker; return whether it is connected."""
        return self._connected.wait(timeout)

    def status(self) -> BusStatus:
        """Return the state of the bus."""
        return BusStatus(
            connected=self.connected,
            detail="" if self.connected else self._detail,
            unconfirmed=len(self._outbox),
            refused=self._refusals[0],
            refusal=self._refusals[1],
            refused_at=self._refusals[2],
        )

    # Receiving

    def subscribe(
        self,
        destination: Destination | str,
        *,
        ack: str = INDIVIDUAL,
        prefetch: int = 1,
        durable: str = "",
        selector: str = "",
    ) -> Subscription:
        """Subscribe, now and on every later connection; deliveries come through ``receive``."""
        return self._subscribe(
            Subscription(
                id=str(uuid.uuid4()),
                destination=destination,
                ack=ack,
                prefetch=prefetch,
                durable=durable,
                selector=selector,
                sink=self._deliveries,
            )
        )

    def unsubscribe(self, subscription: Subscription, *, forget: bool = False) -> None:
        """End a subscription. ``forget``: a durable one is not kept by the broker either."""
        with self._subscribing:
            subscription.active = False
            self._subscriptions.pop(subscription.id, None)
            link = self._link
            if link is not None and self.connected:
                generation = self._generation
                link.unsubscribe(
                    subscription,
                    forget=forget,
                    send=lambda frame: self._outbox.add_ack(frame, generation, 0),
                )

    def receive(self, timeout: float) -> Delivery | None:
        """Return the next delivery; None when there was none for ``timeout`` seconds.

        What came over a connection lost since is left out: the broker delivers it again.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                delivery = self._deliveries.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if delivery is None:  # woken up
                return None
            if not delivery.subscription.active:
                continue
            if delivery.generation == self._generation or delivery.subscription.ack == "auto":
                return delivery

    def wake(self) -> None:
        """Make a ``receive`` that waits return None at once."""
        self._deliveries.put(None)

    def ack(self, delivery: Delivery, *, after: int = 0) -> None:
        """Acknowledge, once the messages published up to sequence ``after`` are confirmed."""
        self._answer("ACK", delivery, after)

    def nack(self, delivery: Delivery) -> None:
        """Refuse a delivery for good: the broker puts it on its dead letter queue."""
        self._answer("NACK", delivery, 0)

    # Publishing

    def publish(
        self,
        destination: Destination | str,
        body: Mapping[str, Any],
        *,
        persistent: bool = True,
        ttl_ms: int | None = None,
        headers: Mapping[str, str] | None = None,
        latency: Latency | None = None,
    ) -> int:
        """Publish a message and return its sequence number, without waiting for the broker.

        ``message_id`` and ``timestamp`` are added to the body where they are missing. Waits only
        while ``UNCONFIRMED_LIMIT`` messages are unconfirmed. ``headers`` are further ones beside
        those that every message has. ``latency`` counts the message when the broker has confirmed
        it. Raises InvalidRequest for what is no destination: the broker would refuse it, and all
        that is sent beside it.
        """
        check_destination(destination)
        to = for_broker(destination, self.settings)
        head, encoded = encode_message(to, body, persistent, ttl_ms, headers)
        return self._outbox.add(head, encoded, self._closing, latency)

    @property
    def published(self) -> int:
        """Return the sequence number of the last message published; 0 before the first."""
        return self._outbox.last

    def flush(self, timeout: float | None = None, upto: int | None = None) -> None:
        """Wait until everything published so far is confirmed, or up to a sequence number.

        Raises BrokerUnavailable when that took more than ``timeout`` seconds; the messages are
        kept and sent as soon as the broker is back.
        """
        if not self._outbox.wait_confirmed(self._outbox.last if upto is None else upto, timeout):
            raise BrokerUnavailable(
                f"{len(self._outbox)} messages are not confirmed by the broker"
                f" after {timeout} s: {self._detail or 'it is slow'}",
                "They are sent again when the broker is back; see testbed status.",
            )

    def request(
        self, destination: Destination | str, body: Mapping[str, Any], timeout: float
    ) -> dict[str, Any]:
        """Send a request and return the first answer to it.

        Raises BrokerUnavailable when none came within ``timeout`` seconds.
        """
        answers: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        reply_to = f"/temp-queue/{uuid.uuid4()}"
        subscription = self._subscribe(
            Subscription(str(uuid.uuid4()), reply_to, "auto", 1, "", "", answers)
        )
        try:
            headers = {"reply-to": reply_to}
            self.publish(destination, body, persistent=False, headers=headers)
            delivery = answers.get(timeout=timeout)
        except queue.Empty:
            raise BrokerUnavailable(
                f"nobody answered on {destination} within {timeout:g} s",
                "Are a workflow runner and the monitor alive? See testbed status.",
            ) from None
        finally:
            with suppress(BrokerUnavailable):  # then it has ended with the connection
                self.unsubscribe(subscription)
        assert delivery is not None  # noqa: S101  (only ``wake`` puts None, on another queue)
        return parse_body(delivery.body)

    def reply(self, delivery: Delivery, body: Mapping[str, Any]) -> None:
        """Answer a request, if its sender expects an answer.

        An answer is sent once, unconfirmed: the sender may be gone, and a broker that refuses the
        message for it must not hold up others.
        """
        if delivery.reply_to:
            head, encoded = encode_message(delivery.reply_to, body, persistent=False)
            answer = frames.complete(head, encoded, None)
            self._outbox.add_ack(answer, delivery.generation, 0)

    # Inside

    def _subscribe(self, subscription: Subscription) -> Subscription:
        with self._subscribing:
            self._subscriptions[subscription.id] = subscription
            link = self._link
            if link is not None and self.connected:
                try:
                    link.subscribe(subscription)
                except BrokerUnavailable:
                    if not link.lost:
                        del self._subscriptions[subscription.id]
                        raise
        return subscription

    def _answer(self, command: str, delivery: Delivery, after: int) -> None:
        ack_id = delivery.headers.get("ack", "")
        # The broker has taken back what a subscription had not acknowledged when it ended.
        if delivery.subscription.ack != "auto" and delivery.subscription.active and ack_id:
            frame = frames.acknowledgement(command, ack_id)
            self._outbox.add_ack(frame, delivery.generation, after)

    def _run(self) -> None:
        delay = BACKOFF_FIRST
        while not self._closing.is_set():
            try:
                link = self._connect()
            except BrokerUnavailable as error:
                if error.detail != self._detail:
                    logger.warning("%s; trying again", error.detail)
                self._detail = error.detail
                self._closing.wait(delay * self._jitter.uniform(0.5, 1.0))
                delay = min(2 * delay, BACKOFF_LAST)
                continue
            since = time.monotonic()
            self._send_until_lost(link)
            self._connected.clear()
            self._link = None
            self._outbox.drop_acks()
            link.close()
            if time.monotonic() - since > STABLE_AFTER:
                delay = BACKOFF_FIRST
            elif not self._closing.is_set():
                self._closing.wait(delay)
                delay = min(2 * delay, BACKOFF_LAST)

    def _connect(self) -> Link:
        self._generation += 1
        generation = self._generation

        def on_message(subscription_id: str, body: bytes, headers: dict[str, str]) -> None:
            subscription = self._subscriptions.get(subscription_id)
            if subscription is not None:
                subscription.sink.put(Delivery(body, headers, subscription, generation))

        link = Link(
            self.settings,
            self.client_id,
            on_message,
            self._outbox.confirm,
            self._on_lost,
            self._on_refused,
        )
        link.open()
        self._outbox.restart(generation)
        try:
            with self._subscribing:
                for subscription in list(self._subscriptions.values()):
                    link.subscribe(subscription)
                self._link = link
                self._detail = ""
                self._connected.set()
        except BrokerUnavailable:
            link.close()
            raise
        return link

    def _send_until_lost(self, link: Link) -> None:
        outbox = self._outbox
        try:
            while not link.lost:
                with outbox.changed:
                    while not (outbox.has_work() or link.lost or self._closing.is_set()):
                        outbox.changed.wait()
                    if self._closing.is_set() and not outbox.has_work():
                        return
                link.send(outbox.next_window())
        except BrokerUnavailable as error:
            logger.warning("%s", error.detail)

    def _on_refused(self, error: str) -> None:
        self._refusals = (self._refusals[0] + 1, error[:500], time.time())

    def _on_lost(self, link: Link) -> None:
        if link is self._link:
            why = f": {link.error}" if link.error else ""
            self._detail = f"the connection to the broker was lost{why}"
            if not self._closing.is_set():
                logger.warning("%s; connecting again", self._detail)
        with self._outbox.changed:
            self._outbox.changed.notify_all()
