"""Brokers for the contract tests: ours, and with ``CONTRACT_BROKER`` set a real ActiveMQ too.

``CONTRACT_BROKER=host:port:user:password`` names it; it has to speak STOMP on that port.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.broker_process import BrokerProcess, start_broker
from tests.integration.broker.client import OPEN, Client

EXTERNAL = os.environ.get("CONTRACT_BROKER", "")


@dataclass
class ExternalBroker:
    host: str
    port: int
    user: str
    password: str


Broker = BrokerProcess | ExternalBroker


@pytest.fixture(scope="session")
def shared_embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    broker = start_broker(tmp_path_factory.mktemp("broker"))
    yield broker
    code = broker.stop()
    assert code == 0, broker.log
    assert "Traceback" not in broker.log


@pytest.fixture(params=["embedded", *(["external"] if EXTERNAL else [])])
def broker(request: pytest.FixtureRequest) -> Broker:
    """A broker that lives through the session: use names of your own on it."""
    if request.param == "embedded":
        return request.getfixturevalue("shared_embedded")
    host, port, user, password = EXTERNAL.split(":", 3)
    return ExternalBroker(host, int(port), user, password)


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
def client(broker: Broker) -> Callable[..., Client]:
    """Connect clients to the broker."""
    return partial(Client, broker)


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    for each in OPEN:
        each.close()
    OPEN.clear()
