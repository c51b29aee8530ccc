"""The message bus over TLS with certificates on both sides, against a real ActiveMQ."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messaging import MessageBus, Queue
from swf_common_lib.messaging.link import Link
from swf_common_lib.settings import load_settings
from tests.activemq_process import ActiveMQProcess, Certificates, start_activemq
from tests.waiting import PATIENCE, wait_until


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQProcess]:
    broker = start_activemq(tmp_path_factory.mktemp("tls"), tls=True)
    yield broker
    broker.stop()


@pytest.fixture
def certificates(secure: ActiveMQProcess) -> Certificates:
    assert secure.certificates is not None
    return secure.certificates


def bus_to(broker: ActiveMQProcess, folder: Path, **environ: str) -> MessageBus:
    return MessageBus(load_settings(folder, {**broker.environ, **environ}))


def connect(broker: ActiveMQProcess, folder: Path, **environ: str) -> None:
    """Try once to connect."""
    settings = load_settings(folder, {**broker.environ, **environ})
    link = Link(settings, "", lambda *_: None, lambda _: None, lambda _: None)
    try:
        link.open()
    finally:
        link.close()


@pytest.fixture
def bus(secure: ActiveMQProcess, tmp_path: Path) -> Iterator[MessageBus]:
    bus = bus_to(secure, tmp_path)
    bus.start(PATIENCE)
    yield bus
    bus.close(1.0)


def received(bus: MessageBus, count: int) -> list[bytes]:
    """Receive and acknowledge ``count`` messages."""
    bodies = []
    for _ in range(count):
        delivery = bus.receive(PATIENCE)
        assert delivery is not None, f"only {len(bodies)} of {count} came"
        bodies.append(delivery.body)
        bus.ack(delivery)
    return bodies


def test_large_windows_both_ways_at_once(bus: MessageBus, work: Queue) -> None:
    """More than all buffers hold goes out while as much comes in."""
    bus.subscribe(work, prefetch=1000)
    sending = threading.Thread(
        target=lambda: [bus.publish(work, {"number": n, "fill": "x" * 4000}) for n in range(3000)]
    )
    sending.start()
    bodies = received(bus, 3000)
    sending.join()
    numbers = [int(body.split(b'"number":')[1].split(b",")[0]) for body in bodies]
    assert numbers == list(range(3000))
    bus.flush(PATIENCE)


def test_two_megabytes_and_unicode(bus: MessageBus, work: Queue) -> None:
    bus.subscribe(work)
    bus.publish(work, {"text": "Grüße " * 300_000})
    (body,) = received(bus, 1)
    assert body.count("Grüße".encode()) == 300_000


def test_nothing_is_lost_when_the_broker_is_killed(
    secure: ActiveMQProcess, tmp_path: Path, work: Queue
) -> None:
    bus, consumer = bus_to(secure, tmp_path), bus_to(secure, tmp_path)
    bus.start(PATIENCE)
    consumer.start(PATIENCE)
    for number in range(500):
        bus.publish(work, {"number": number})
    secure.kill()
    wait_until(lambda: not bus.connected and not consumer.connected)
    for number in range(500, 600):
        bus.publish(work, {"number": number})
    secure.start()
    bus.flush(PATIENCE)
    consumer.subscribe(work, prefetch=100)
    seen = set()
    while len(seen) < 600:
        seen.update(received(consumer, 1))
    bus.close(1.0)
    consumer.close(1.0)


def test_closing_does_not_wait_for_a_broker_that_hangs(
    secure: ActiveMQProcess, tmp_path: Path
) -> None:
    bus = bus_to(secure, tmp_path)
    bus.start(PATIENCE)
    assert secure.process is not None
    os.kill(secure.process.pid, signal.SIGSTOP)
    try:
        bus.close(0.1)
        wait_until(lambda: not bus.connected)
    finally:
        os.kill(secure.process.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ACTIVEMQ_SSL_CA_CERTS": "stranger.pem"}, "certificate verify failed"),
        (
            {"ACTIVEMQ_SSL_CERT_FILE": "", "ACTIVEMQ_SSL_KEY_FILE": ""},
            "does it trust the certificate",
        ),
        (
            {"ACTIVEMQ_SSL_CERT_FILE": "stranger.pem", "ACTIVEMQ_SSL_KEY_FILE": "stranger.key"},
            "does it trust the certificate",
        ),
        ({"ACTIVEMQ_SSL_CA_CERTS": "absent.pem"}, "ACTIVEMQ_SSL_CA_CERTS .*absent.pem.*No such"),
        ({"ACTIVEMQ_SSL_KEY_FILE": "stranger.key"}, "ACTIVEMQ_SSL_KEY_FILE .*stranger.key"),
        ({"ACTIVEMQ_PASSWORD": "wrong"}, "refuses user 'testbed'"),
    ],
)
def test_what_does_not_fit_is_said(
    secure: ActiveMQProcess,
    certificates: Certificates,
    tmp_path: Path,
    changes: dict[str, str],
    reason: str,
) -> None:
    paths = {
        name: certificates.path(value) if value and "SSL" in name else value
        for name, value in changes.items()
    }
    with pytest.raises(BrokerUnavailable, match=reason):
        connect(secure, tmp_path, **paths)


def test_plain_connection_is_refused(secure: ActiveMQProcess, tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable):
        connect(secure, tmp_path, ACTIVEMQ_USE_SSL="false")
