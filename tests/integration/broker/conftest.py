"""Brokers for the contract tests: the embedded one and a real ActiveMQ."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.activemq_process import ActiveMQProcess, start_activemq
from tests.broker_process import BrokerProcess, start_broker
from tests.integration.broker.client import OPEN, Client


@pytest.fixture(scope="session")
def shared_embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    broker = start_broker(tmp_path_factory.mktemp("broker"))
    yield broker
    code = broker.stop()
    assert code == 0, broker.log
    assert "Traceback" not in broker.log


@pytest.fixture(scope="session")
def shared_activemq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQProcess]:
    broker = start_activemq(tmp_path_factory.mktemp("activemq"))
    yield broker
    broker.stop()


@pytest.fixture(params=["embedded", "activemq"])
def broker(request: pytest.FixtureRequest) -> BrokerProcess:
    """A broker that lives through the session: use names of your own on it."""
    shared: BrokerProcess = request.getfixturevalue(f"shared_{request.param}")
    return shared


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """An embedded broker for this test alone."""
    broker = start_broker(tmp_path)
    yield broker
    broker.stop()
    assert "Traceback" not in broker.log


@pytest.fixture
def unique() -> str:
    return f"t{uuid.uuid4().hex}"


@pytest.fixture
def queue(unique: str) -> str:
    return f"/queue/{unique}"


@pytest.fixture
def topic(unique: str) -> str:
    return f"/topic/{unique}"


@pytest.fixture
def client(broker: BrokerProcess) -> Callable[..., Client]:
    """Connect clients to the broker."""
    return partial(Client, broker)


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    for each in OPEN:
        each.close()
    OPEN.clear()
