"""Ingest as a process on the embedded broker: nothing is missing, nothing is there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stomp

from swf_common_lib.messaging import BROADCAST, WORKERS, MessageBus
from tests.broker_process import start_broker
from tests.integration.ingest.ingest_process import Installation
from tests.integration.ingest.run_messages import WORKER_TYPES, FastRun
from tests.monitor_database import MonitorDatabase
from tests.waiting import PATIENCE, wait_until

RUN = 100007


@pytest.fixture
def installation(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> Iterator[Installation]:
    installed = Installation(tmp_path, start_broker(tmp_path), new_database())
    installed.make_database()
    yield installed
    installed.stop()
    installed.broker.stop()


@pytest.fixture
def bus(installation: Installation) -> Iterator[MessageBus]:
    publisher = MessageBus(installation.settings)
    publisher.start(timeout=PATIENCE)
    yield publisher
    publisher.close()


def publish(bus: MessageBus, first: int, last: int) -> None:
    for number in range(first, last):
        bus.publish(BROADCAST, stf_gen(number))


def stf_gen(number: int) -> dict[str, Any]:
    return {
        "msg_type": "stf_gen",
        "message_id": f"stf-{number:06d}",
        "run_id": str(RUN),
        "filename": f"swf.{RUN}.{number:06d}.stf",
        "sequence": number,
    }


def assert_recorded_once(installation: Installation, total: int) -> None:
    wait_until(lambda: installation.count() >= total, message="messages are missing")
    identities = installation.ask("SELECT message_id FROM records_workflowmessage ORDER BY id")
    assert [identity for (identity,) in identities] == [f"stf-{n:06d}" for n in range(total)]
    generated = installation.ask("SELECT stf_files_generated FROM records_runstate")
    assert generated == [(total,)]
    assert installation.ask("SELECT COUNT(*) FROM records_systemstateevent") == [(total,)]


def test_whole_run(installation: Installation, bus: MessageBus) -> None:
    installation.start_recording()
    run = FastRun(execution_id="")

    for body in run.bodies:
        bus.publish(WORKERS if body["msg_type"] in WORKER_TYPES else BROADCAST, body)

    wait_until(lambda: installation.count() == len(run.bodies))
    state = installation.ask("SELECT phase, slices_completed FROM records_runstate")
    assert state == [("completed", 12)]


def test_killed_in_the_middle(installation: Installation, bus: MessageBus) -> None:
    total, step = 6_000, 2_000
    for first in range(0, total, step):
        number = installation.start_recording()
        publish(bus, first, first + step)
        wait_until(lambda first=first: installation.count() > first)  # type: ignore[misc]
        installation.kill(number)
    bus.flush(PATIENCE)
    installation.start_recording()
    assert_recorded_once(installation, total)


def test_broker_killed_in_the_middle(installation: Installation, bus: MessageBus) -> None:
    installation.start_recording()
    publish(bus, 0, 4_000)
    wait_until(lambda: installation.count() > 0)
    installation.broker.kill()
    installation.broker.start()
    publish(bus, 4_000, 6_000)
    assert_recorded_once(installation, 6_000)


def test_stopped_in_order(installation: Installation, bus: MessageBus) -> None:
    number = installation.start_recording()
    publish(bus, 0, 3_000)
    wait_until(lambda: installation.count() > 0)

    assert installation.end(number) == 0

    assert installation.presence()["state"] == "EXITED"
    installation.start_recording()
    assert_recorded_once(installation, 3_000)


def test_database_that_takes_nothing_for_a_while(
    installation: Installation, bus: MessageBus
) -> None:
    number = installation.start_recording()
    with MonitorDatabase(installation.settings).held():
        publish(bus, 0, 500)
        wait_until(lambda: "does not take messages" in installation.log(number))
        assert installation.count() == 0
    assert_recorded_once(installation, 500)
    wait_until(lambda: "takes messages again" in installation.log(number))
    assert installation.log(number).count("does not take messages") == 1


def test_stopped_while_the_database_takes_nothing(
    installation: Installation, bus: MessageBus
) -> None:
    number = installation.start_recording()
    with MonitorDatabase(installation.settings).held():
        publish(bus, 0, 500)
        wait_until(lambda: "does not take messages" in installation.log(number))
        assert installation.end(number) == 0
    installation.start_recording()
    assert_recorded_once(installation, 500)


def test_second_ingest_stands_by_and_takes_over(
    installation: Installation, bus: MessageBus
) -> None:
    first = installation.start_recording()
    wait_until(installation.presence)
    second = installation.start()
    wait_until(lambda: "standing by" in installation.log(second))
    publish(bus, 0, 100)
    wait_until(lambda: installation.count() == 100)
    assert installation.presence()["pid"] == installation.processes[first].pid

    installation.kill(first)

    wait_until(lambda: installation.records(second))
    publish(bus, 100, 200)
    assert_recorded_once(installation, 200)
    pid = installation.processes[second].pid
    wait_until(lambda: installation.presence()["pid"] == pid)


def test_presence_among_the_agents(installation: Installation, bus: MessageBus) -> None:
    installation.start_recording()
    publish(bus, 0, 50)
    wait_until(lambda: installation.presence().get("messages_total") == 50)
    presence = installation.presence()
    assert (presence["status"], presence["mq_connected"]) == ("OK", True)
    assert presence["last_message_at"]
    assert presence["lag_seconds"] >= 0


def test_bytes_of_any_kind_on_both_topics(installation: Installation, bus: MessageBus) -> None:
    number = installation.start_recording()
    broker = installation.broker
    raw = stomp.Connection12([(broker.host, broker.port)])
    raw.connect(broker.user, broker.password, wait=True)
    bodies = [b"", b"{", b"\xff\xfe\x00\x01", b"[]", b'"text"', b'{"msg_type": 7}', b"\xc3("]
    for topic in (BROADCAST, WORKERS):
        for body in bodies:
            raw.send(str(topic), body)
    raw.disconnect()

    wait_until(lambda: installation.count() == 2 * len(bodies))
    publish(bus, 0, 1)
    wait_until(lambda: installation.count() == 2 * len(bodies) + 1)
    good = installation.ask("SELECT message_id FROM records_workflowmessage WHERE problem = ''")
    assert good == [("stf-000000",)]
    assert installation.processes[number].poll() is None
