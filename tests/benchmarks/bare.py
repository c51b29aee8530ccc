"""Raw limits of a running broker: what stomp.py alone does with persistent messages on it."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import stomp

from swf_common_lib.settings import Settings
from tests.benchmarks.bench_publish import body

MESSAGES = 20_000
PASSAGES = 50
PAUSE = 0.02
"""Seconds between two messages that pass alone."""
PATIENCE = 120.0
PERSISTENT = {"persistent": "true"}

Taken = Callable[[Any], None]


def queue_rate(settings: Settings) -> float:
    """Return messages per second through a queue: one sends, another acknowledges each."""
    done = threading.Event()
    count = 0

    def taken(_frame: Any) -> None:
        nonlocal count
        count += 1
        if count == MESSAGES:
            done.set()

    queue = f"/queue/bare.{uuid.uuid4()}"
    with _connected(settings) as producer, _consumer(settings, queue, taken):
        began = time.perf_counter()
        for number in range(MESSAGES):
            producer.send(queue, json.dumps(body(number)), headers=PERSISTENT)
        assert done.wait(PATIENCE), f"{count} of {MESSAGES} messages came"
        return MESSAGES / (time.perf_counter() - began)


def passage_ms(settings: Settings) -> float:
    """Return the median milliseconds of a single message from sender to receiver on a topic."""
    came = threading.Event()
    topic = f"/topic/bare.{uuid.uuid4()}"
    times = []
    with (
        _connected(settings) as producer,
        _consumer(settings, topic, lambda _frame: came.set(), durable="bare"),
    ):
        for number in range(PASSAGES):
            came.clear()
            time.sleep(PAUSE)
            began = time.perf_counter()
            producer.send(topic, json.dumps(body(number)), headers=PERSISTENT)
            assert came.wait(PATIENCE), "the message does not come"
            times.append(time.perf_counter() - began)
    return 1000 * median(times)


@contextmanager
def _consumer(
    settings: Settings, destination: str, taken: Taken, durable: str = ""
) -> Iterator[None]:
    """Subscribe to ``destination``; each message is acknowledged and passed to ``taken``."""
    with _connected(settings, durable) as connection:
        headers = {"activemq.prefetchSize": "200"}
        if durable:
            headers[settings.activemq_durable_header] = durable
        listener = _Consumer(connection, taken)
        connection.set_listener("taken", listener)
        connection.subscribe(
            destination, "1", "client-individual", headers={**headers}, receipt="s"
        )
        assert listener.subscribed.wait(PATIENCE), f"no subscription to {destination}"
        yield
        if durable:
            connection.unsubscribe("1", headers=headers)


@contextmanager
def _connected(settings: Settings, client_id: str = "") -> Iterator[stomp.Connection12]:
    address = (settings.activemq_host, settings.activemq_port)
    connection = stomp.Connection12([address], auto_content_length=False)
    headers = {"client-id": client_id} if client_id else {}
    connection.connect(
        settings.activemq_user, settings.activemq_password, wait=True, headers=headers
    )
    try:
        yield connection
    finally:
        connection.disconnect()


class _Consumer(stomp.ConnectionListener):  # type: ignore[misc]
    """Acknowledges messages, and passes them on."""

    def __init__(self, connection: stomp.Connection12, taken: Taken) -> None:
        self.subscribed = threading.Event()
        self._connection = connection
        self._taken = taken

    def on_receipt(self, frame: Any) -> None:
        """Record that the subscription is confirmed."""
        if frame.headers["receipt-id"] == "s":
            self.subscribed.set()

    def on_message(self, frame: Any) -> None:
        """Count a message."""
        self._connection.ack(frame.headers["ack"])
        self._taken(frame)
