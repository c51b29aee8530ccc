"""Brokers to be killed and started at will, and buses connected to them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swf_common_lib.messaging import MessageBus, Queue
from swf_common_lib.settings import load_settings
from tests.activemq_process import ActiveMQProcess, start_activemq
from tests.broker_process import BrokerProcess, start_broker

MakeBus = Callable[..., MessageBus]


@pytest.fixture(scope="session")
def activemq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQProcess]:
    """One for all tests: it takes seconds to start."""
    broker = start_activemq(tmp_path_factory.mktemp("activemq"))
    yield broker
    broker.stop()


@pytest.fixture(params=["embedded", "activemq"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    """A broker for this test alone, which it may kill: embedded, and a real ActiveMQ."""
    if request.param == "activemq":
        broker: BrokerProcess = request.getfixturevalue("activemq")
        yield broker
        if broker.process is None or broker.process.poll() is not None:
            broker.process = None
            broker.start()
    else:
        broker = start_broker(tmp_path)
        yield broker
        broker.stop()


@pytest.fixture
def work() -> Queue:
    """A queue of the test's own."""
    return Queue(f"work.{uuid.uuid4()}")


@pytest.fixture
def make_bus(own: BrokerProcess, tmp_path: Path) -> Iterator[MakeBus]:
    made: list[MessageBus] = []

    def make(client_id: str = "", **environ: str) -> MessageBus:
        settings = load_settings(tmp_path, {**own.environ, **environ})
        bus = MessageBus(settings, client_id)
        made.append(bus)
        bus.start()
        return bus

    yield make
    for bus in made:
        bus.close(1.0)
