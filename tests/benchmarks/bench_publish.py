"""Confirmed messages a second out of the message bus, beside a bare stomp.py loop."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import stomp

from swf_common_lib.messaging import BROADCAST, MessageBus
from swf_common_lib.settings import Settings, load_settings
from tests.benchmarks.figures import Figures
from tests.broker_process import BrokerProcess, start_broker

MESSAGES = 20_000
WINDOW = 100


def body(number: int) -> dict[str, Any]:
    """Make a message as the runner sends it."""
    return {
        "msg_type": "stf_gen",
        "namespace": "bench",
        "sender": "workflow_runner-agent-bench-1",
        "execution_id": "stf_datataking-bench-0001",
        "run_id": "100001",
        "filename": f"swf.100001.{number:06d}.stf",
        "sequence": number,
        "simulation_tick": 2.2 * number,
        "time_scale": 0.0,
        "state": "run",
        "substate": "physics",
    }


def publish(
    folder: Path, title: str, start: Callable[[Path], BrokerProcess], rounds: int
) -> Figures:
    """Publish to a topic with one durable subscriber that acknowledges what it gets.

    The bus and bare stomp.py take turns; the last of ``rounds`` counts: Java has to warm up.
    """
    broker = start(folder)
    try:
        settings = load_settings(folder, broker.environ)
        subscriber = MessageBus(settings, "bench")
        subscriber.start(10)
        subscriber.subscribe(BROADCAST, ack="client", prefetch=5000, durable="bench")
        stop = threading.Event()
        drain = threading.Thread(target=_drain, args=(subscriber, stop))
        drain.start()
        for _ in range(rounds):
            bare = _bare(broker)
            rate = _ours(settings)
        stop.set()
        drain.join()
        subscriber.close()
    finally:
        broker.stop()
    return Figures(title, rate, "messages/s", bare, "bare stomp.py", "≥ 8,000")


def _ours(settings: Settings) -> float:
    bus = MessageBus(settings)
    bus.start(10)
    started = time.perf_counter()
    for number in range(MESSAGES):
        bus.publish(BROADCAST, body(number))
    bus.flush(120)
    rate = MESSAGES / (time.perf_counter() - started)
    bus.close()
    return rate


def bare_queue(folder: Path) -> float:
    """Messages a second through a queue: stomp.py alone sends, receives, acknowledges each."""
    broker = start_broker(folder)
    try:
        consumer = stomp.Connection12([(broker.host, broker.port)], auto_content_length=False)
        taken = _Taken(consumer)
        consumer.set_listener("taken", taken)
        consumer.connect(broker.user, broker.password, wait=True)
        headers = {"activemq.prefetchSize": "200"}
        consumer.subscribe("/queue/bare", "1", "client-individual", headers=headers)
        producer = stomp.Connection12([(broker.host, broker.port)], auto_content_length=False)
        producer.connect(broker.user, broker.password, wait=True)
        started = time.perf_counter()
        for number in range(MESSAGES):
            producer.send("/queue/bare", json.dumps(body(number)), headers={"persistent": "true"})
        taken.done.wait(120)
        rate = MESSAGES / (time.perf_counter() - started)
        producer.disconnect()
        consumer.disconnect()
    finally:
        broker.stop()
    return rate


class _Taken(stomp.ConnectionListener):  # type: ignore[misc]
    """Acknowledges what comes, and counts it."""

    def __init__(self, connection: stomp.Connection12) -> None:
        self.done = threading.Event()
        self._connection = connection
        self._count = 0

    def on_message(self, frame: Any) -> None:
        """Acknowledge a message."""
        self._connection.ack(frame.headers["ack"])
        self._count += 1
        if self._count == MESSAGES:
            self.done.set()


def _drain(subscriber: MessageBus, stop: threading.Event) -> None:
    count, last = 0, None
    while not stop.is_set():
        delivery = subscriber.receive(0.1)
        if delivery is None:
            if last is not None:
                subscriber.ack(last)
                last = None
            continue
        count, last = count + 1, delivery
        if count % 500 == 0:
            subscriber.ack(delivery)
            last = None


class _Receipts(stomp.ConnectionListener):  # type: ignore[misc]
    """Waits for the last receipt."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def on_receipt(self, frame: Any) -> None:
        """Note the last."""
        if frame.headers["receipt-id"] == "last":
            self.done.set()


def _bare(broker: BrokerProcess) -> float:
    """Send the same messages with stomp.py alone, a receipt for each hundred."""
    connection = stomp.Connection12([(broker.host, broker.port)], auto_content_length=False)
    receipts = _Receipts()
    connection.set_listener("receipts", receipts)
    connection.connect(broker.user, broker.password, wait=True)
    started = time.perf_counter()
    for number in range(MESSAGES):
        headers = {"persistent": "true", "msg_type": "stf_gen"}
        if number == MESSAGES - 1:
            headers["receipt"] = "last"
        elif number % WINDOW == 0:
            headers["receipt"] = str(number)
        connection.send(str(BROADCAST), json.dumps(body(number)), headers=headers)
    receipts.done.wait(120)
    rate = MESSAGES / (time.perf_counter() - started)
    connection.disconnect()
    return rate
