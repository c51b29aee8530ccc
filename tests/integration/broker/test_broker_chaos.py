"""Killed again and again under load, the embedded broker loses nothing that it confirmed."""

from __future__ import annotations

import re
import threading

from tests.broker_process import BrokerProcess
from tests.integration.broker.client import Wire
from tests.waiting import PATIENCE, wait_until

WINDOW, WINDOWS, KILLS, ACK_EVERY = 50, 80, 3, 30
_DELIVERY = re.compile(
    rb"MESSAGE\nsubscription:1\nack:(\S+)\n.*?message-id:(\S+)\n.*?\n\n(\d+)\0", re.DOTALL
)


class Publisher(threading.Thread):
    """Sends numbers; what was not confirmed when the connection broke is sent again."""

    def __init__(self, broker: BrokerProcess) -> None:
        super().__init__()
        self.broker = broker
        self.confirmed = 0

    def run(self) -> None:
        while self.confirmed < WINDOWS:
            try:
                wire = Wire(self.broker)
                while self.confirmed < WINDOWS:
                    self.send_window(wire, self.confirmed)
                    self.confirmed += 1
            except (OSError, AssertionError):
                continue

    def send_window(self, wire: Wire, window: int) -> None:
        head = "SEND\ndestination:/topic/epictopic\npersistent:true\n"
        numbers = range(window * WINDOW, (window + 1) * WINDOW)
        wire.send("".join(f"{head}\n{number}\0" for number in numbers))
        wire.send(f"SEND\ndestination:/topic/none\nreceipt:w{window}.\n\n\0")
        wire.until(f"receipt-id:w{window}.".encode())


class Subscriber(threading.Thread):
    """A durable subscriber that acknowledges in batches and records what it receives."""

    def __init__(self, broker: BrokerProcess) -> None:
        super().__init__()
        self.broker = broker
        self.subscribed = threading.Event()
        self.numbers: list[int] = []
        self.acknowledged: set[bytes] = set()
        self.given_again: set[bytes] = set()

    def run(self) -> None:
        while not self.complete():
            try:
                self.consume()
            except (OSError, AssertionError):
                continue

    def complete(self) -> bool:
        return len(set(self.numbers)) == WINDOW * WINDOWS

    def consume(self) -> None:
        wire = Wire(self.broker, client_id="monitor")
        wire.send(
            "SUBSCRIBE\nid:1\ndestination:/topic/epictopic\nack:client\nreceipt:s\n"
            "activemq.subscriptionName:ingest\nactivemq.prefetchSize:200\n\n\0"
        )
        wire.until(b"receipt-id:s", keep=True)
        self.subscribed.set()
        waiting: list[tuple[bytes, bytes]] = []
        while not self.complete():
            for match in wire.take(_DELIVERY):
                ack, identity, number = match
                if identity in self.acknowledged:
                    self.given_again.add(identity)
                waiting.append((ack, identity))
                self.numbers.append(int(number))
            if len(waiting) >= ACK_EVERY:
                wire.send(b"ACK\nid:%b\nreceipt:a\n\n\0" % waiting[-1][0])
                wire.until(b"receipt-id:a", keep=True)
                self.acknowledged.update(identity for _, identity in waiting)
                waiting.clear()


def test_no_kill_loses_a_confirmed_message(own_broker):
    publisher, subscriber = Publisher(own_broker), Subscriber(own_broker)
    subscriber.start()
    assert subscriber.subscribed.wait(PATIENCE)
    publisher.start()
    for kill in range(1, KILLS + 1):
        goal = kill * WINDOWS // (KILLS + 1)
        wait_until(lambda goal=goal: publisher.confirmed >= goal)
        own_broker.kill()
        own_broker.start()
    publisher.join(PATIENCE)
    subscriber.join(PATIENCE)
    assert set(subscriber.numbers) == set(range(WINDOW * WINDOWS))
    assert not subscriber.given_again
    first_seen = list(dict.fromkeys(subscriber.numbers))
    assert first_seen == sorted(first_seen)
