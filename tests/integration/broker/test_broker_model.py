"""A queue does what a simple model of it does, whatever happens in whatever order.

The real server in this process, real connections, small windows so that messages go through all
ways: straight to a consumer, through memory, through the disk, and over a restart.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.embedded_broker import message_queue
from orchestrator.embedded_broker.database import Database
from orchestrator.embedded_broker.server import Server
from orchestrator.embedded_broker.session import Login
from tests.waiting import PATIENCE

_DELIVERY = re.compile(r"MESSAGE\nsubscription:(\w)\nack:([^\n]+)\n[^\0]*?\n\n(\d+)\0", re.DOTALL)

kinds = st.sampled_from("ab")
operations = st.lists(
    st.tuples(st.just("send"), kinds, st.booleans(), st.integers(1, 12))
    | st.tuples(st.just("subscribe"), kinds, st.integers(1, 6), st.booleans())
    | st.tuples(st.sampled_from(["ACK", "ACK", "NACK"]), kinds, st.integers(0, 5))
    | st.tuples(st.just("unsubscribe"), kinds)
    | st.tuples(st.just("restart")),
    max_size=40,
)


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch):
    monkeypatch.setattr(message_queue, "WINDOW", 6)
    monkeypatch.setattr(message_queue, "LOW", 2)
    monkeypatch.setattr(message_queue, "PAGE", 3)
    monkeypatch.setattr(message_queue, "MAX_REDELIVERIES", 10**6)


@dataclass(order=True)
class Sent:
    number: int
    kind: str
    persistent: bool


@dataclass
class ModelConsumer:
    prefetch: int
    cumulative: bool
    unacked: list[Sent] = field(default_factory=list)


class Model:
    """The expected state: which messages wait, who has which, what was delivered in which order."""

    def __init__(self, by_kind: bool) -> None:
        self.by_kind = by_kind
        self.waiting: list[Sent] = []
        self.consumers: dict[str, ModelConsumer] = {}
        self.delivered: dict[str, list[int]] = {"a": [], "b": []}

    def feed(self) -> None:
        for kind, consumer in self.consumers.items():
            for message in list(self.waiting):
                wanted = not self.by_kind or message.kind == kind
                if wanted and len(consumer.unacked) < consumer.prefetch:
                    self.waiting.remove(message)
                    consumer.unacked.append(message)
                    self.delivered[kind].append(message.number)

    def settle(self, kind: str, index: int) -> None:
        consumer = self.consumers[kind]
        first = 0 if consumer.cumulative else index
        del consumer.unacked[first : index + 1]

    def end(self, kind: str) -> None:
        self.waiting = sorted(self.waiting + self.consumers.pop(kind).unacked)

    def restart(self) -> None:
        for kind in list(self.consumers):
            self.end(kind)
        self.waiting = [message for message in self.waiting if message.persistent]


class Run:
    """The server under test and one connection to it; every step is checked against the model."""

    def __init__(self, folder: Path, by_kind: bool) -> None:
        self.folder = folder
        self.model = Model(by_kind)
        self.sent = self.receipts = 0
        self.acks: dict[tuple[str, int], str] = {}
        self.received: dict[str, list[int]] = {"a": [], "b": []}
        self.text = ""

    async def start(self) -> None:
        self.server = Server(Database(self.folder / "broker.sqlite3"), Login("user", "password"))
        await self.server.start("127.0.0.1", 0)
        port = self.server._listening.sockets[0].getsockname()[1]
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.write("CONNECT", "accept-version:1.2\nlogin:user\npasscode:password\n")
        await self.until("CONNECTED")

    async def stop(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
        await self.server.close()
        self.text = ""

    def write(self, command: str, headers: str, body: str = "") -> None:
        self.writer.write(f"{command}\n{headers}\n{body}\0".encode())

    async def confirmed(self, command: str, headers: str, body: str = "") -> None:
        self.receipts += 1
        self.write(command, f"{headers}receipt:{self.receipts}.\n", body)
        await self.until(f"receipt-id:{self.receipts}.")

    async def until(self, wanted: str) -> None:
        while wanted not in self.text:
            await self.read()

    async def read(self) -> None:
        data = await asyncio.wait_for(self.reader.read(65536), PATIENCE)
        assert data, self.text
        self.text += data.decode()
        assert "ERROR\n" not in self.text, self.text

    def take_deliveries(self) -> None:
        end = 0
        for match in _DELIVERY.finditer(self.text):
            kind, ack, body = match.groups()
            self.received[kind].append(int(body))
            self.acks[kind, int(body)] = ack
            end = match.end()
        self.text = self.text[end:]

    async def check(self) -> None:
        self.model.feed()
        self.take_deliveries()
        while any(
            len(self.received[kind]) < len(expected)
            for kind, expected in self.model.delivered.items()
        ):
            await self.read()
            self.take_deliveries()
        assert self.received == self.model.delivered

    async def do(self, name: str, *arguments: object) -> None:
        if name == "restart":
            await self.stop()
            self.model.restart()
            await self.start()
        else:
            await getattr(self, name.lower())(*arguments)
        await self.check()

    async def send(self, kind: str, persistent: bool, count: int) -> None:
        for _ in range(count):
            self.sent += 1
            self.model.waiting.append(Sent(self.sent, kind, persistent))
            headers = f"destination:/queue/q\nkind:{kind}\npersistent:{str(persistent).lower()}\n"
            self.write("SEND", headers, str(self.sent))
        await self.confirmed("SEND", "destination:/topic/none\n")

    async def subscribe(self, kind: str, prefetch: int, cumulative: bool) -> None:
        if kind in self.model.consumers or (not self.model.by_kind and self.model.consumers):
            return
        self.model.consumers[kind] = ModelConsumer(prefetch, cumulative)
        selector = f"selector:kind='{kind}'\n" if self.model.by_kind else ""
        mode = "client" if cumulative else "client-individual"
        await self.confirmed(
            "SUBSCRIBE",
            f"id:{kind}\ndestination:/queue/q\nack:{mode}\n"
            f"activemq.prefetchSize:{prefetch}\n{selector}",
        )

    async def unsubscribe(self, kind: str) -> None:
        if kind in self.model.consumers:
            self.model.end(kind)
            await self.confirmed("UNSUBSCRIBE", f"id:{kind}\n")

    async def ack(self, kind: str, index: int, command: str = "ACK") -> None:
        consumer = self.model.consumers.get(kind)
        if consumer is not None and index < len(consumer.unacked):
            number = consumer.unacked[index].number
            self.model.settle(kind, index)
            await self.confirmed(command, f"id:{self.acks[kind, number]}\n")

    async def nack(self, kind: str, index: int) -> None:
        await self.ack(kind, index, "NACK")


async def run(steps: list[tuple[object, ...]], by_kind: bool) -> None:
    with TemporaryDirectory() as folder:
        under_test = Run(Path(folder), by_kind)
        await under_test.start()
        try:
            for step in steps:
                await under_test.do(*step)
            # In the end everything is there for one who takes it all.
            for kind in list(under_test.model.consumers):
                await under_test.unsubscribe(kind)
            under_test.model.by_kind = False
            await under_test.do("subscribe", "a", 10_000, True)
            assert not under_test.model.waiting
        finally:
            await under_test.stop()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(  # what is not persistent lies between what is on disk alone
    [
        ("send", "a", True, 9),
        ("send", "b", False, 3),
        ("send", "a", True, 5),
        ("subscribe", "a", 2, True),
        *[("ACK", "a", 1)] * 4,
        ("unsubscribe", "a"),
        ("send", "b", False, 1),
        ("subscribe", "b", 3, False),
        *[("ACK", "b", 2), ("NACK", "b", 0)] * 3,
        ("restart",),
    ],
    False,
)
@given(operations, st.booleans())
def test_a_queue_does_what_its_model_does(steps, by_kind):
    asyncio.run(run(steps, by_kind))
