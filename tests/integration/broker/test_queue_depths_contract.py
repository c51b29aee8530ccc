"""What a broker tells of its queues: the embedded one, our ActiveMQ, and one that tells nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.queue_depths import DepthsUnknown, QueueDepth, QueueReader, Reading, read_depths
from orchestrator.servers.activemq import XSTREAM
from swf_common_lib.settings import Settings, load_settings
from tests.activemq_process import ActiveMQProcess
from tests.broker_process import BrokerProcess
from tests.integration.broker.client import Client
from tests.waiting import PATIENCE, wait_until

Connect = Callable[..., Client]


def settings_of(broker: BrokerProcess, folder: Path, kind: str = "") -> Settings:
    own = "activemq" if isinstance(broker, ActiveMQProcess) else "embedded"
    return load_settings(folder, {**broker.environ, "SWF_BROKER": kind or own})


@pytest.fixture
def settings(broker: BrokerProcess, tmp_path: Path) -> Settings:
    """Those of an installation with this broker."""
    if isinstance(broker, ActiveMQProcess) and not XSTREAM.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail("CI has to have libxstream-java: tools/install-services")
        pytest.skip(f"no {XSTREAM} here (Debian: apt install libxstream-java)")
    return settings_of(broker, tmp_path)


def test_depth_and_consumers(client: Connect, queue: str, settings: Settings) -> None:
    one = client()
    for _ in range(3):
        one.send(queue)

    def told() -> QueueDepth:
        return read_depths(settings, PATIENCE)[queue]

    assert told() == QueueDepth(waiting=3, in_hand=0, consumers=0, dequeued=0)
    one.subscribe(queue, prefetch=1)
    first = one.next()
    # It is counted when it is on its way already.
    wait_until(lambda: told() == QueueDepth(waiting=2, in_hand=1, consumers=1, dequeued=0))
    one.ack(first)
    one.ack(one.next())
    one.next()
    # An acknowledgement is not confirmed.
    wait_until(lambda: told() == QueueDepth(waiting=0, in_hand=1, consumers=1, dequeued=2))


def test_growth_since_the_reading_before(client: Connect, queue: str, settings: Settings) -> None:
    one = client()
    one.send(queue)
    reader = QueueReader(settings, patience=PATIENCE, apart=0.1)
    assert wait_until(lambda: queue in reader.read().queues)
    for _ in range(2):
        one.send(queue)

    def grown() -> Reading | None:
        reading = reader.read()
        return reading if reading.growth.get(queue) else None

    reading = wait_until(grown)
    assert reading is not None
    assert reading.growth[queue] > 0
    assert reading.queues[queue].waiting == 3
    assert not reading.unknown


def test_a_broker_that_knows_no_such_question(
    shared_embedded: BrokerProcess, tmp_path: Path
) -> None:
    """As an ActiveMQ without the plugin: there is no answer, and no long wait for one."""
    external = settings_of(shared_embedded, tmp_path, "external")
    with pytest.raises(DepthsUnknown) as caught:
        read_depths(external, 3.0)
    assert "does not say how much waits" in caught.value.detail
    assert "statisticsBrokerPlugin" in caught.value.hint


def test_a_broker_that_does_not_answer_is_left_alone_for_a_while(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # nobody listens yet
        environ = {
            "SWF_BROKER": "external",
            "ACTIVEMQ_PORT": str(listener.getsockname()[1]),
            "ACTIVEMQ_PASSWORD": "secret",
        }
        reader = QueueReader(load_settings(tmp_path, environ))
        assert "is not reachable" in reader.read().unreachable
        listener.listen()
        listener.setblocking(False)
        assert reader.read().unknown
        with pytest.raises(BlockingIOError):
            listener.accept()
