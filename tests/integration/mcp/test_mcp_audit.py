"""What is answered as refused has changed nothing; what is done is in the history."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_server.application import Application
from monitor.executions import claim
from monitor.executions.announcer import announcer
from swf_common_lib.messages import parse_body
from swf_common_lib.messaging import BROADCAST, WORKFLOW_CONTROL, Destination, MessageBus
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect
from tests.integration.mcp.history import trail, unwritable
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

Listen = Callable[[Destination], AbstractContextManager[Callable[[], dict[str, Any]]]]


@pytest.fixture
def listen(application: Application, broker: BrokerProcess) -> Listen:
    """Listens at a destination; what it gives waits for the next message there."""

    @contextmanager
    def listening(destination: Destination) -> Iterator[Callable[[], dict[str, Any]]]:
        bus = MessageBus(application.settings)
        bus.start(PATIENCE)
        bus.subscribe(destination)

        def heard() -> dict[str, Any]:
            delivery = bus.receive(PATIENCE)
            assert delivery is not None
            bus.ack(delivery)
            return parse_body(delivery.body)

        yield heard
        bus.close()

    return listening


@contextmanager
def silent(broker: BrokerProcess) -> Iterator[None]:
    """Freeze the broker: it keeps its connections and answers nothing."""
    assert broker.process is not None
    announcer().open()
    broker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.process.pid, signal.SIGCONT)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make waits for a broker or a runner short."""
    monkeypatch.setattr("monitor.executions.announcer.CONFIRM_TIMEOUT", 0.1)
    monkeypatch.setattr("mcp_server.tools.control._REACTION", 0.2)


def kinds() -> list[str]:
    return [kind for kind, _ in trail()]


async def running(application: Application, client: Any) -> str:
    execution_id: str = (await call(client, "start_workflow"))["execution_id"]
    await application.database(claim, execution_id, "runner-1")
    return execution_id


async def test_message_that_cannot_be_recorded_is_not_sent(
    connect: Connect, application: Application, listen: Listen
) -> None:
    with listen(BROADCAST) as heard:
        async with connect() as client:
            async with unwritable(application):
                text = await refusal(client, "send_message", message_type="lost")
            await call(client, "send_message", message_type="kept")
        assert heard()["msg_type"] == "kept"
    assert "database" in text
    assert await application.database(kinds) == ["message_sent"]


async def test_stop_that_cannot_be_recorded_is_not_sent(
    connect: Connect, application: Application, listen: Listen, impatient: None
) -> None:
    with listen(WORKFLOW_CONTROL) as heard:
        async with connect() as client:
            execution_id = await running(application, client)
            async with unwritable(application):
                await refusal(client, "stop_workflow", execution_id=execution_id)
            await call(client, "pause_workflow", execution_id=execution_id)
        said = [heard()["msg_type"], heard()["msg_type"]]
    assert said == ["run_workflow", "pause_workflow"]
    assert "stop_requested" not in await application.database(kinds)


async def test_stop_that_a_slow_broker_has_not_confirmed_is_told_and_comes(
    connect: Connect,
    application: Application,
    broker: BrokerProcess,
    listen: Listen,
    impatient: None,
) -> None:
    with listen(WORKFLOW_CONTROL) as heard:
        async with connect() as client:
            execution_id = await running(application, client)
            with silent(broker):
                asked = await call(client, "stop_workflow", execution_id=execution_id)
        assert [heard()["msg_type"], heard()["msg_type"]] == ["run_workflow", "stop_workflow"]
    assert asked["done"] is False
    assert "not confirmed the stop yet: it is sent as soon as" in asked["note"]
    assert (await application.database(kinds))[-1] == "stop_requested"


async def test_message_that_a_slow_broker_has_not_confirmed_is_told_and_comes(
    connect: Connect,
    application: Application,
    broker: BrokerProcess,
    listen: Listen,
    impatient: None,
) -> None:
    with listen(BROADCAST) as heard:
        async with connect() as client:
            with silent(broker):
                sent = await call(client, "send_message", message_type="late")
        assert heard()["message_id"] == sent["message_id"]
    assert "not confirmed it yet" in sent["note"]
    assert await application.database(kinds) == ["message_sent"]


async def test_without_a_broker_nothing_is_asked_or_recorded(
    connect: Connect, application: Application, home: Path, settings: Any
) -> None:
    async with connect() as client:
        execution_id = await running(application, client)
        settings.TESTBED = load_settings(home, {"ACTIVEMQ_PORT": "1"})
        for tool, arguments in (
            ("stop_workflow", {"execution_id": execution_id}),
            ("send_message", {"message_type": "lost"}),
        ):
            assert "not reachable" in await refusal(client, tool, **arguments)
    assert await application.database(kinds) == ["execution_pending", "execution_running"]
