"""Acknowledgements of deliveries: ACK, NACK or, while a delivery is held, nothing yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from swf_common_lib.messaging import CUMULATIVE, Delivery, MessageBus


class Acknowledgements:
    """Acknowledges deliveries; those of a cumulative subscription in the order in which they came.

    There one acknowledgement stands for all before it, and so does a refusal at ActiveMQ: a
    delivery that is held keeps back the answers about those that came after it.
    """

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._held: set[Delivery] = set()
        self._refused: set[Delivery] = set()
        self._in_turn: dict[str, deque[Delivery]] = {}
        """Deliveries of cumulative subscriptions without an answer, by the subscription's id."""

    def hold(self, delivery: Delivery) -> None:
        """Acknowledge a delivery only after it is released."""
        self._held.add(delivery)

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Accept held deliveries, once all that was published so far is confirmed."""
        for delivery in deliveries:
            self._held.discard(delivery)
            if delivery.subscription.ack != CUMULATIVE:
                self._bus.ack(delivery, after=self._bus.published)
        self._advance()

    def settle(self, accepted: Iterable[Delivery], refused: Iterable[Delivery]) -> None:
        """Acknowledge handled deliveries; ``refused`` are those that came last."""
        for delivery in accepted:
            if delivery.subscription.ack == CUMULATIVE:
                self._queue(delivery)
            elif delivery not in self._held:
                self._bus.ack(delivery, after=self._bus.published)
        self._advance()
        for delivery in refused:
            self._held.discard(delivery)
            if delivery.subscription.ack == CUMULATIVE:
                self._refused.add(delivery)
                self._queue(delivery)
            else:
                self._bus.nack(delivery)
        self._advance()

    def _queue(self, delivery: Delivery) -> None:
        self._in_turn.setdefault(delivery.subscription.id, deque()).append(delivery)

    def _advance(self) -> None:
        for subscription_id, waiting in list(self._in_turn.items()):
            self._answer(waiting)
            if not waiting:
                del self._in_turn[subscription_id]

    def _answer(self, waiting: deque[Delivery]) -> None:
        accepted: Delivery | None = None
        while waiting and waiting[0] not in self._held:
            delivery = waiting.popleft()
            if delivery not in self._refused:
                accepted = delivery
                continue
            if accepted is not None:
                self._bus.ack(accepted, after=self._bus.published)
                accepted = None
            self._refused.remove(delivery)
            self._bus.nack(delivery)
        if accepted is not None:
            self._bus.ack(accepted, after=self._bus.published)
