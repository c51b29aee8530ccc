"""The message bus against a real broker that is killed, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from swf_common_lib.errors import BrokerUnavailable, InvalidRequest
from swf_common_lib.messaging import BROADCAST, MessageBus, Queue
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess
from tests.integration.messaging.conftest import MakeBus
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until


def numbers(bus: MessageBus, count: int) -> list[int]:
    """Receive and acknowledge until ``count`` different numbers came."""
    received: list[int] = []
    while len(set(received)) < count:
        delivery = bus.receive(PATIENCE)
        assert delivery is not None, f"only {len(set(received))} of {count} came"
        received.append(json.loads(delivery.body)["number"])
        bus.ack(delivery)
    return received


def first_seen(received: list[int]) -> list[int]:
    return list(dict.fromkeys(received))


def test_message_carries_headers_identity_and_time(make_bus: MakeBus, work: Queue) -> None:
    bus = make_bus()
    assert bus.wait_connected(PATIENCE)
    bus.subscribe(work)
    body = {"msg_type": "stf_gen", "namespace": "a:b\n", "run_id": "100001"}
    bus.publish(work, body, ttl_ms=60_000)
    delivery = bus.receive(PATIENCE)
    assert delivery is not None
    assert delivery.destination == str(work)
    expected = {"persistent": "true", "vo": "eic", "ttl": "60000", **body}
    assert {name: delivery.headers[name] for name in expected} == expected
    assert "content-length" not in delivery.headers
    received = json.loads(delivery.body)
    assert len(received["message_id"]) == 36
    assert received["timestamp"].endswith("+00:00")


def test_everything_arrives_once_in_order_though_the_broker_is_killed(
    own: BrokerProcess, make_bus: MakeBus
) -> None:
    """What was confirmed survives; what was not is sent again, and its id tells."""
    publisher, consumer = make_bus(), make_bus("role.x")
    consumer.subscribe(BROADCAST, ack="client-individual", prefetch=100, durable="role.x")
    assert publisher.wait_connected(PATIENCE)
    wait_until(lambda: consumer.connected)
    total = 3_000
    halfway = threading.Event()

    def publish() -> None:
        for number in range(total):
            publisher.publish(BROADCAST, {"number": number})
            if number == total // 2:
                halfway.set()

    thread = threading.Thread(target=publish)
    thread.start()
    assert halfway.wait(PATIENCE)
    own.kill()
    own.start()
    received = numbers(consumer, total)
    thread.join()
    publisher.flush(PATIENCE)
    assert first_seen(received) == list(range(total))


def test_published_without_a_broker_is_sent_when_it_comes(
    own: BrokerProcess, make_bus: MakeBus, work: Queue
) -> None:
    own.stop()
    bus = make_bus()
    bus.subscribe(work)
    bus.publish(work, {"number": 7})
    with pytest.raises(BrokerUnavailable, match="1 messages are not confirmed"):
        bus.flush(0.05)
    assert not bus.status().connected
    wait_until(lambda: "not reachable" in bus.status().detail)
    own.start()
    bus.flush(PATIENCE)
    assert numbers(bus, 1) == [7]
    safe = bus.published
    own.stop()
    bus.publish(work, {"number": 8})
    bus.flush(0.05, safe)  # what came later is not waited for
    own.start()


def test_frozen_broker_delays_and_loses_nothing(
    own: BrokerProcess, make_bus: MakeBus, work: Queue
) -> None:
    bus = make_bus()
    bus.subscribe(work, prefetch=10)
    assert bus.wait_connected(PATIENCE)
    assert own.process is not None
    os.kill(own.process.pid, signal.SIGSTOP)
    try:
        for number in range(50):
            bus.publish(work, {"number": number})
        with pytest.raises(BrokerUnavailable):
            bus.flush(0.2)
    finally:
        os.kill(own.process.pid, signal.SIGCONT)
    bus.flush(PATIENCE)
    assert numbers(bus, 50) == list(range(50))


def test_delivery_is_acknowledged_only_after_its_reaction_is_confirmed(
    own: BrokerProcess, make_bus: MakeBus, work: Queue
) -> None:
    worker = make_bus()
    worker.subscribe(work)
    worker.publish(work, {"number": 1})
    delivery = worker.receive(PATIENCE)
    assert delivery is not None
    assert own.process is not None
    os.kill(own.process.pid, signal.SIGSTOP)
    sequence = worker.publish(Queue("bus.reaction"), {"number": 2})
    worker.ack(delivery, after=sequence)
    os.kill(own.process.pid, signal.SIGKILL)
    own.process.wait()
    own.start()
    # Neither reaction nor acknowledgement reached the broker: the work comes again.
    again = worker.receive(PATIENCE)
    assert again is not None
    assert json.loads(again.body)["number"] == 1
    worker.flush(PATIENCE)
    worker.subscribe(Queue("bus.reaction"))
    worker.ack(again, after=worker.published)
    assert numbers(worker, 1) == [2]


def test_second_instance_of_a_role_stands_by(make_bus: MakeBus) -> None:
    first = make_bus("role.y")
    assert first.wait_connected(PATIENCE)
    second = make_bus("role.y")
    wait_until(lambda: "role.y" in second.status().detail)
    assert not second.connected
    first.close()
    assert second.wait_connected(PATIENCE)


def test_orderly_end_forgets_the_durable_subscription(make_bus: MakeBus) -> None:
    publisher, agent = make_bus(), make_bus("role.z")
    subscription = agent.subscribe(BROADCAST, durable="role.z")
    assert agent.wait_connected(PATIENCE)
    agent.unsubscribe(subscription, forget=True)
    agent.close()
    publisher.publish(BROADCAST, {"number": 1})
    publisher.flush(PATIENCE)
    successor = make_bus("role.z")
    successor.subscribe(BROADCAST, durable="role.z")
    assert successor.wait_connected(PATIENCE)
    publisher.publish(BROADCAST, {"number": 2})
    assert numbers(successor, 1) == [2]


def test_request_and_reply(make_bus: MakeBus, work: Queue) -> None:
    asker, answerer = make_bus(), make_bus()
    answerer.subscribe(work)
    assert asker.wait_connected(PATIENCE)

    def answer() -> None:
        delivery = answerer.receive(PATIENCE)
        assert delivery is not None
        answerer.reply(delivery, {"ok": True, "asked": json.loads(delivery.body)["question"]})
        answerer.ack(delivery)

    thread = threading.Thread(target=answer)
    thread.start()
    assert asker.request(work, {"question": "how"}, PATIENCE)["asked"] == "how"
    thread.join()
    with pytest.raises(BrokerUnavailable, match="nobody answered on /queue/bus"):
        asker.request(Queue("bus.nobody"), {"question": "why"}, 0.2)


def test_names_of_the_site_are_settings(make_bus: MakeBus, work: Queue) -> None:
    """As for Artemis, or for several testbeds on one broker."""
    own = make_bus(ACTIVEMQ_QUEUE_PREFIX="/queue/site.", ACTIVEMQ_TOPIC_PREFIX="/topic/site.")
    own.subscribe(work)
    own.subscribe(BROADCAST)
    other = make_bus()
    assert own.wait_connected(PATIENCE)
    for place in ("/topic/site.epictopic", f"/queue/site.{work.name}"):
        other.publish(place, {"number": 1})
        delivery = own.receive(PATIENCE)
        assert delivery is not None
        assert delivery.headers["destination"] == place
        assert delivery.destination == place.replace("site.", "")
        own.ack(delivery)
    other.subscribe(f"/queue/site.{work.name}")
    own.close()
    again = make_bus(ACTIVEMQ_QUEUE_PREFIX="/queue/site.")
    again.publish(work, {"number": 2})
    assert numbers(other, 1) == [2]


def test_ack_goes_before_the_end_of_its_subscription(make_bus: MakeBus, work: Queue) -> None:
    bus, other = make_bus(), make_bus()
    for number in range(30):
        subscription = bus.subscribe(work)
        other.publish(work, {"number": number})
        delivery = bus.receive(PATIENCE)
        assert delivery is not None
        assert json.loads(delivery.body)["number"] == number
        bus.ack(delivery)
        bus.unsubscribe(subscription)


def test_wrong_password_and_absent_broker_say_so(own: BrokerProcess, tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {**own.environ, "ACTIVEMQ_PASSWORD": "wrong"})
    bus = MessageBus(settings)
    bus.start()
    wait_until(lambda: "refuses user 'testbed'" in bus.status().detail)
    bus.close(0)
    settings = load_settings(tmp_path, {**own.environ, "ACTIVEMQ_PORT": str(free_port())})
    bus = MessageBus(settings)
    with pytest.raises(BrokerUnavailable) as caught:
        bus.start(0.01)
    wait_until(lambda: "is not reachable" in bus.status().detail)
    assert "ACTIVEMQ_PORT" in caught.value.hint
    bus.close(0)


def test_refused_selector_is_an_error_at_once(make_bus: MakeBus, work: Queue) -> None:
    bus = make_bus()
    assert bus.wait_connected(PATIENCE)
    with pytest.raises(BrokerUnavailable, match="did not confirm the subscription"):
        bus.subscribe(work, selector="namespace ~~ 'x'")
    bus.subscribe(work)
    bus.publish(work, {"number": 3})
    assert numbers(bus, 1) == [3]


@pytest.mark.parametrize("destination", ["epictopic", "/topic/", "/queue/a b", "/exchange/x", ""])
def test_what_is_no_destination_is_refused_before_it_is_sent(
    make_bus: MakeBus, work: Queue, destination: str
) -> None:
    bus = make_bus()
    bus.subscribe(work)
    with pytest.raises(InvalidRequest, match="is no destination"):
        bus.publish(destination, {"number": 0})
    bus.publish(str(work), {"number": 1})
    assert numbers(bus, 1) == [1]
