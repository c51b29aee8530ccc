"""Confirmed messages a second out of the message bus, beside a bare stomp.py loop."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import stomp

from swf_common_lib.messages import utc_now
from swf_common_lib.messaging import BROADCAST, MessageBus
from swf_common_lib.settings import Settings, load_settings
from tests.benchmarks.figures import Figures
from tests.benchmarks.subscriber import running_subscriber
from tests.broker_process import BrokerProcess

MESSAGES = 20_000
WINDOW = 100
ROUNDS = 5
PATIENCE = 120.0


def body(number: int) -> dict[str, Any]:
    """Return a message as the runner sends it."""
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
    folder: Path, title: str, start: Callable[[Path], BrokerProcess], warm_up: int, aim: str
) -> Figures:
    """Publish to a topic with one durable subscriber, a process as ingest is.

    The bus and bare stomp.py take turns, each beginning every other round; the medians count, but
    not the first ``warm_up`` rounds: Java has to compile what it does often.
    """
    broker = start(folder)
    bare: list[float] = []
    ours: list[float] = []
    try:
        settings = load_settings(folder, broker.environ)
        turns = [(bare, lambda: _bare(broker)), (ours, lambda: _ours(settings))]
        with running_subscriber(broker) as subscriber:
            for number in range(warm_up + ROUNDS):
                for rates, measured in turns if number % 2 else reversed(turns):
                    rates.append(measured())
                    subscriber.wait_for(MESSAGES * (len(bare) + len(ours)))
    finally:
        broker.stop()
    measured_rates = median(ours[warm_up:]), median(bare[warm_up:])
    return Figures(title, measured_rates[0], "messages/s", measured_rates[1], "bare stomp.py", aim)


def _ours(settings: Settings) -> float:
    bus = MessageBus(settings)
    bus.start(10)
    started = time.perf_counter()
    for number in range(MESSAGES):
        bus.publish(BROADCAST, body(number))
    bus.flush(PATIENCE)
    rate = MESSAGES / (time.perf_counter() - started)
    bus.close()
    return rate


class _Receipts(stomp.ConnectionListener):  # type: ignore[misc]
    """Waits for the last receipt."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def on_receipt(self, frame: Any) -> None:
        """Set the event when the last message is confirmed."""
        if frame.headers["receipt-id"] == "last":
            self.done.set()


def _bare(broker: BrokerProcess) -> float:
    """Send messages of the same kind with stomp.py alone, a receipt for each hundred."""
    connection = stomp.Connection12([(broker.host, broker.port)], auto_content_length=False)
    receipts = _Receipts()
    connection.set_listener("receipts", receipts)
    connection.connect(broker.user, broker.password, wait=True)
    started = time.perf_counter()
    for number in range(MESSAGES):
        message = {**body(number), "message_id": str(uuid.uuid4()), "timestamp": utc_now()}
        headers = {
            "persistent": "true",
            "vo": "eic",
            "msg_type": message["msg_type"],
            "namespace": message["namespace"],
            "run_id": message["run_id"],
        }
        if number == MESSAGES - 1:
            headers["receipt"] = "last"
        elif number % WINDOW == 0:
            headers["receipt"] = str(number)
        connection.send(str(BROADCAST), json.dumps(message), headers=headers)
    assert receipts.done.wait(PATIENCE), "the last receipt does not come"
    rate = MESSAGES / (time.perf_counter() - started)
    connection.disconnect()
    return rate
