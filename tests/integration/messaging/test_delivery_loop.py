"""Handling of deliveries: retried while something is away, dead letters for the hopeless."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from swf_common_lib.agent.delivery_loop import DeliveryLoop
from swf_common_lib.errors import InvalidMessage, MonitorUnavailable
from swf_common_lib.messaging import CUMULATIVE, INDIVIDUAL, Delivery, MessageBus, Queue
from tests.integration.messaging.conftest import MakeBus
from tests.waiting import PATIENCE

DEAD, REACTIONS = Queue("ActiveMQ.DLQ"), Queue("reactions")


class Worker:
    """Handles messages by a given function, and records what it did."""

    def __init__(self, bus: MessageBus, handler: Callable[[dict[str, Any]], None]) -> None:
        self.bus = bus
        self.handler = handler
        self.batches: list[int] = []
        self.since_batch = 0
        self.stopping = threading.Event()
        self.delivery_loop = DeliveryLoop(
            bus, self.handle, self.finish, self.stopping, logging.getLogger("worker")
        )

    def handle(self, delivery: Delivery) -> Callable[[], None] | None:
        self.since_batch += 1
        return partial(self.handler, json.loads(delivery.body))

    def finish(self) -> None:
        self.batches.append(self.since_batch)
        self.since_batch = 0

    def work(self) -> None:
        first = self.bus.receive(PATIENCE)
        assert first is not None
        self.delivery_loop.work_batch(first)


def taken(bus: MessageBus, destination: Queue) -> dict[str, Any]:
    subscription = bus.subscribe(destination)
    delivery = bus.receive(PATIENCE)
    assert delivery is not None, f"nothing on {destination}"
    bus.ack(delivery)
    bus.unsubscribe(subscription)
    body: dict[str, Any] = json.loads(delivery.body)
    return body


def test_failing_handler_ends_in_the_dead_letters(
    make_bus: MakeBus, caplog: pytest.LogCaptureFixture, work: Queue
) -> None:
    bus, other = make_bus(), make_bus()
    tried: list[int] = []

    def handler(body: dict[str, Any]) -> None:
        tried.append(body["number"])
        if body["number"] == 1:
            raise ValueError("cannot work so")

    worker = Worker(bus, handler)
    bus.subscribe(work, prefetch=10)
    for number in (1, 2):
        other.publish(work, {"number": number})
    while 2 not in tried:
        worker.work()
    assert tried.count(1) == 3
    assert "cannot work so" in caplog.text
    assert taken(other, DEAD)["number"] == 1
    bus.flush(PATIENCE)
    assert bus.receive(0.1) is None


def test_handler_is_tried_until_what_it_needs_is_back(make_bus: MakeBus, work: Queue) -> None:
    bus, other = make_bus(), make_bus()
    answers = iter([MonitorUnavailable("away")] * 4)

    def handler(_body: dict[str, Any]) -> None:
        for error in answers:
            raise error

    worker = Worker(bus, handler)
    bus.subscribe(work)
    other.publish(work, {"number": 1})
    worker.work()
    assert next(answers, None) is None
    bus.flush(PATIENCE)
    dead = other.subscribe(DEAD)
    assert other.receive(0.1) is None
    other.unsubscribe(dead)


def test_stop_while_waiting_leaves_the_message_to_the_next(make_bus: MakeBus, work: Queue) -> None:
    bus, other = make_bus(), make_bus()

    def handler(_body: dict[str, Any]) -> None:
        worker.stopping.set()
        raise MonitorUnavailable("away")

    worker = Worker(bus, handler)
    bus.subscribe(work)
    other.publish(work, {"number": 1})
    worker.work()
    bus.close()
    assert taken(other, work)["number"] == 1


def test_what_waits_is_handled_as_one_batch(make_bus: MakeBus, work: Queue) -> None:
    bus, other = make_bus(), make_bus()
    for number in range(100):
        other.publish(work, {"number": number})
    other.flush(PATIENCE)
    worker = Worker(bus, lambda body: None)
    bus.subscribe(work, prefetch=100)
    while sum(worker.batches) < 100:
        worker.work()
    assert max(worker.batches) > 1


def test_held_delivery_waits_for_its_release(make_bus: MakeBus, work: Queue) -> None:
    bus, other = make_bus(), make_bus()
    held: list[Delivery] = []
    worker = Worker(bus, lambda body: held.append(worker.delivery_loop.hold()))
    bus.subscribe(work, prefetch=10)
    for number in (1, 2):
        other.publish(work, {"number": number})
    while len(held) < 2:
        worker.work()
    bus.publish(REACTIONS, {"of": 1})
    worker.delivery_loop.release([held[0]])
    bus.close()
    assert taken(other, work)["number"] == 2
    assert taken(other, REACTIONS)["of"] == 1


@pytest.mark.parametrize("ack", [CUMULATIVE, INDIVIDUAL])
def test_who_is_refused_takes_nobody_along(make_bus: MakeBus, work: Queue, ack: str) -> None:
    bus, other = make_bus(), make_bus()
    refused, seen = {3, 4, 17}, []

    def handler(body: dict[str, Any]) -> None:
        if body["number"] in refused:
            raise InvalidMessage("it says nothing")
        seen.append(body["number"])

    worker = Worker(bus, handler)
    for number in range(30):
        other.publish(work, {"number": number, "of": str(work)})
    other.flush(PATIENCE)
    bus.subscribe(work, ack=ack, prefetch=30)
    while len(seen) < 30 - len(refused):
        worker.work()
    bus.flush(PATIENCE)
    assert seen == [number for number in range(30) if number not in refused]
    assert {taken(other, DEAD)["number"] for _ in refused} == refused
    bus.close()
    rest = other.subscribe(work)
    assert other.receive(0.1) is None
    other.unsubscribe(rest)
    dead = other.subscribe(DEAD)
    assert other.receive(0.1) is None
    other.unsubscribe(dead)


def test_what_is_acknowledged_with_others_waits_for_those_before(
    make_bus: MakeBus, work: Queue
) -> None:
    bus, other = make_bus(), make_bus()
    held: dict[int, Delivery] = {}

    def handler(body: dict[str, Any]) -> None:
        if body["number"] == 2:
            raise InvalidMessage("it says nothing")
        held[body["number"]] = worker.delivery_loop.hold()

    worker = Worker(bus, handler)
    for number in range(6):
        other.publish(work, {"number": number})
    other.flush(PATIENCE)
    bus.subscribe(work, ack=CUMULATIVE, prefetch=6)
    while len(held) < 5:
        worker.work()
    # 1 holds the refusal of 2 back, and 3.
    worker.delivery_loop.release([held[0], held[3], held[5]])
    bus.flush(PATIENCE)
    dead = other.subscribe(DEAD)
    assert other.receive(0.1) is None
    other.unsubscribe(dead)
    worker.delivery_loop.release([held[1]])  # and 4 holds 5 back
    bus.close()
    assert taken(other, DEAD)["number"] == 2
    assert [taken(other, work)["number"] for _ in range(2)] == [4, 5]
