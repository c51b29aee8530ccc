"""Reading ahead: in the order of arrival, and a failure of the thread is not a silence."""

from __future__ import annotations

import json
import queue

import pytest

from monitor.ingest.collector import BATCH_LIMIT, Collector
from monitor.ingest.reader import MessageReader
from swf_common_lib.messaging import BROADCAST, Delivery, Subscription
from tests.waiting import PATIENCE

SUBSCRIPTION = Subscription("1", BROADCAST, "client", 0, "", "", queue.SimpleQueue())


def delivery(body: object) -> Delivery:
    return Delivery(json.dumps(body).encode(), {}, SUBSCRIPTION, generation=1)


class Deliveries:
    """A source that is filled by hand."""

    def __init__(self, *waiting: Delivery | None) -> None:
        self.waiting: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        for one in waiting:
            self.waiting.put(one)

    def receive(self, timeout: float) -> Delivery | None:
        try:
            return self.waiting.get(timeout=timeout)
        except queue.Empty:
            return None

    def wake(self) -> None:
        self.waiting.put(None)


class Broken(Deliveries):
    """A source over which the thread that reads fails."""

    def receive(self, timeout: float) -> Delivery | None:
        raise RuntimeError("it is broken")


def test_messages_keep_their_order_and_their_deliveries() -> None:
    sent = [delivery({"msg_type": "x", "message_id": str(n)}) for n in range(100)]
    reader = MessageReader(Deliveries(*sent))
    with reader.reading():
        read = [reader.receive(PATIENCE) for _ in sent]
    assert [one.delivery for one in read if one] == sent
    assert [one.entry.message_id for one in read if one] == [str(n) for n in range(100)]


def test_what_cannot_be_understood_is_read_too() -> None:
    reader = MessageReader(Deliveries(Delivery(b"\xff", {}, SUBSCRIPTION, generation=1)))
    with reader.reading():
        read = reader.receive(PATIENCE)
    assert read is not None
    assert read.entry.message_type == "malformed"


def test_a_failure_of_the_thread_reaches_who_waits_for_messages() -> None:
    reader = MessageReader(Broken())

    def wait() -> None:
        while True:
            reader.receive(0.01)

    with reader.reading(), pytest.raises(RuntimeError, match="it is broken"):
        wait()


def test_a_waiting_collector_is_woken() -> None:
    reader = MessageReader(Deliveries())
    with reader.reading():
        reader.wake()
        assert Collector(reader).collect(PATIENCE) == []


def test_batches_are_bounded() -> None:
    sent = [delivery({"msg_type": "x", "message_id": str(n)}) for n in range(BATCH_LIMIT + 1)]
    reader = MessageReader(Deliveries(*sent))
    collector = Collector(reader)
    taken: list[int] = []
    with reader.reading():
        while sum(taken) < len(sent):
            taken.append(len(collector.collect(PATIENCE)))
            collector.done()
    assert max(taken) <= BATCH_LIMIT
    assert sum(taken) == len(sent)
