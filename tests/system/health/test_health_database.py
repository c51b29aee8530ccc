"""ActiveMQ and PostgreSQL in trouble, made for real, as every surface tells it."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest
import requests

from swf_common_lib.findings import FindingCode, Remedy, Severity
from swf_common_lib.messaging import MessageBus
from tests.monitor_database import MonitorDatabase
from tests.stack import Stack
from tests.system.health.surfaces import (
    Shown,
    by_mcp,
    by_terminal,
    first_answers,
    gone_from_every_surface,
    mcp,
    on_every_surface,
    trouble,
)
from tests.system.health.troubles import frozen, wait_mended
from tests.waiting import PATIENCE

pytestmark = pytest.mark.system

NEAR = 0.95
"""Fraction of the connections that a server permits."""


@pytest.fixture
def stack(facility: Stack) -> Stack:
    """Services of the installation's own, which run."""
    facility.run("start-local")
    wait_mended(facility)
    return facility


def check_broker(stack: Stack) -> None:
    with frozen(stack.pid("broker")):
        on_every_surface(
            stack,
            FindingCode.BROKER_HANGS,
            Remedy.RESTART_SERVICES,
            subject="service broker",
        )
    gone_from_every_surface(stack, FindingCode.BROKER_HANGS, notes=True)

    bus = MessageBus(stack.settings)
    bus.start(PATIENCE)
    queue = "/queue/panda.nobody"
    bus.publish(queue, {"msg_type": "slice", "run_id": "1"})
    bus.flush(PATIENCE)
    on_every_surface(
        stack, FindingCode.QUEUE_UNCONSUMED, Remedy.CORRECT_SENDER, subject=f"queue {queue}"
    )
    bus.subscribe(queue)
    delivery = bus.receive(PATIENCE)
    assert delivery is not None
    bus.ack(delivery)
    bus.close()
    gone_from_every_surface(stack, FindingCode.QUEUE_UNCONSUMED, notes=True)

    stack.services.stop("broker")
    away = on_every_surface(
        stack, FindingCode.BROKER_AWAY, Remedy.START_SERVICES, subject="service broker"
    )
    assert list(first_answers(stack, away)) == []
    stack.run("start-local")
    gone_from_every_surface(stack, FindingCode.BROKER_AWAY, notes=True)


def check_connections(stack: Stack) -> None:
    database = MonitorDatabase(stack.settings)
    ((limit,),) = database.ask("SELECT current_setting('max_connections')::int")
    with ExitStack() as held:
        for _ in range(int(NEAR * limit) - 10):  # those that the testbed has come on top
            held.enter_context(closing(database.connect()))
        finding = on_every_surface(
            stack,
            FindingCode.DATABASE_NEAR_LIMIT,
            Remedy.MORE_CONNECTIONS,
            subject="service database",
        )
        assert finding.severity is Severity.WARNING
        assert finding.fact("limit") == limit
    gone_from_every_surface(stack, FindingCode.DATABASE_NEAR_LIMIT, notes=True)


def check_database_away(stack: Stack) -> None:
    browser = requests.Session()
    link = stack.client().post("login-links/")["url"]
    browser.get(link, timeout=PATIENCE).raise_for_status()
    stack.services.stop("postgres")

    away = Shown("database_away", "service database", Remedy.START_SERVICES.value)
    for told in (by_mcp(stack), by_terminal(stack)):
        assert told == [away]
    status = mcp(stack)
    assert status["healthy"] is False
    assert status.get("queues") is None
    for path in ("/api/health/", "/api/status/"):
        answer = requests.get(
            stack.settings.swf_monitor_url + path,
            headers={"Authorization": f"Token {stack.settings.swf_api_token}"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 503
        told_by_rest = answer.json()
        assert "the database does not answer" in told_by_rest["detail"]
        assert told_by_rest["remedy"] == Remedy.START_SERVICES.value
    page = browser.get(stack.settings.swf_monitor_url, timeout=PATIENCE)
    browser.close()
    assert page.status_code == 503
    assert "the database does not answer" in page.text
    assert "testbed start-local" in page.text

    stack.run("start-local")
    wait_mended(stack)
    assert not [one for one in by_mcp(stack) if one.code == FindingCode.DATABASE_AWAY.value]


def test_services_of_ones_own(stack: Stack) -> None:
    """One installation for all: its services take long to start."""
    nothing: list[Shown] = []
    assert trouble(stack) == nothing
    check_connections(stack)
    check_broker(stack)
    check_database_away(stack)
