"""A broker of the test's own, and buses connected to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swf_common_lib.messaging import MessageBus
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess, start_broker

MakeBus = Callable[..., MessageBus]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[BrokerProcess]:
    broker = start_broker(tmp_path)
    yield broker
    broker.stop()


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
