"""Starts that are repeated, and answers to what was begun when the database fails after it."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from mcp_server.application import Application
from monitor.executions import claim
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


async def test_same_key_starts_once_and_says_so(connect: Connect) -> None:
    async with connect() as client:
        first, *again = [
            await call(client, "start_workflow", idempotency_key="scan-1") for _ in range(3)
        ]
        followed = await call(client, "run_workflow", idempotency_key="scan-2", timeout_s=0)
        once_more = await call(client, "run_workflow", idempotency_key="scan-2", timeout_s=0)
    assert {one["execution_id"] for one in again} == {first["execution_id"]}
    assert "repeated" not in first
    assert all(one["repeated"] for one in again)
    assert all(one["note"].startswith("started earlier, at 20") for one in again)
    assert followed["execution_id"] == once_more["execution_id"]
    assert "note" not in followed
    assert "started earlier" in once_more["note"]


async def test_key_of_another_request_is_a_conflict(
    connect: Connect, application: Application
) -> None:
    async with connect() as client:
        first = await call(client, "start_workflow", idempotency_key="k", stf_count=2)
        for other in (
            {"stf_count": 3},
            {"stf_count": 2, "namespace": "shift"},
            {"stf_count": 2, "parameters": {"stf_cuont": 2}},
        ):
            text = await refusal(client, "start_workflow", **{"idempotency_key": "k", **other})
            assert first["execution_id"] in text
            assert "Use another key" in text
        found = await call(client, "list_workflow_executions")
    assert found["total"] == 1


async def test_a_speed_of_0_is_another_request_than_none(connect: Connect) -> None:
    """Without one, the pace may be that of testbed.toml."""
    async with connect() as client:
        await call(client, "start_workflow", idempotency_key="k")
        text = await refusal(client, "start_workflow", idempotency_key="k", speed=0)
        await call(client, "start_workflow", idempotency_key="k2", speed=0)
        again = await call(client, "start_workflow", idempotency_key="k2", realtime=False)
    assert "Use another key" in text
    assert again["repeated"] is True


async def test_what_was_started_is_told_when_the_database_fails_then(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_arguments: object) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr("mcp_server.views.control.find", down)
    async with connect() as client:
        started = await call(client, "start_workflow")
        followed = await call(client, "run_workflow")
    for told in (started, followed):
        assert told["execution_id"].startswith("stf_datataking-")
        assert "It was started" in told["note"]
        assert "the server closed the connection" in told["note"]
    assert followed["finished"] is False


async def test_what_was_asked_for_is_told_when_the_database_fails_then(
    connect: Connect, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_arguments: object) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    async with connect() as client:
        execution_id = (await call(client, "start_workflow"))["execution_id"]
        await application.database(claim, execution_id, "runner-1")
        monkeypatch.setattr("mcp_server.tools.control.reached", down)
        asked = await call(client, "pause_workflow", execution_id=execution_id)
    assert (asked["execution_id"], asked["done"]) == (execution_id, False)
    assert "The pause was asked for; what came of it is not known" in asked["note"]
