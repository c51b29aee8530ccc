"""Whatever is recorded and whatever is asked: an answer comes, it fits, and it keeps its schema."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server.application import Application
from mcp_server.sizes import MOST_BYTES, TOO_DEEP
from monitor.records.transitions import record_event
from tests.integration.mcp.calls import call, size_of
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

FIRST, SECOND = "stf_datataking-shifter-0001", "stf_datataking-shifter-0002"


def nested(levels: int) -> dict[str, Any]:
    """Give a table in a table in a table."""
    value: dict[str, Any] = {"end": 1}
    for _ in range(levels):
        value = {"in": value}
    return value


def message(content: dict[str, Any]) -> int:
    return int(rows.message(content=content).pk)


async def test_many_differences_are_cut(connect: Connect, application: Application) -> None:
    for number in (1, 2):
        values = {"many": {f"key{k}": f"value {k} of {number} {'x' * 40}" for k in range(1_500)}}
        await application.database(rows.execution, number, parameter_values=values)
    async with connect() as client:
        found = await call(client, "compare_executions", a=FIRST, b=SECOND)
    assert size_of(found) <= MOST_BYTES
    assert found["differences"]["configuration"]["left_out"] > 0
    assert found["a"] == FIRST


async def test_history_of_long_reasons_is_cut(connect: Connect, application: Application) -> None:
    await application.database(rows.execution, 1)
    for number in range(60):
        reason = f"{number} {'because ' * 250}"
        await application.database(
            record_event, FIRST, "execution_paused", actor="x", via="mcp", reason=reason
        )
    async with connect() as client:
        detail = await call(client, "get_workflow_execution", execution_id=FIRST)
    assert size_of(detail) <= MOST_BYTES
    assert "left out" in str(detail["history"])


@pytest.mark.parametrize(
    "content",
    [
        {f"{n}{'k' * 5_000}": n for n in range(40)},
        {"k" * 60_000: 1},
        {
            f"t{n}": {f"t{m}": {f"t{k}": "x" * 90 for k in range(9)} for m in range(30)}
            for n in range(30)
        },
    ],
    ids=["many long names", "one huge name", "tables"],
)
async def test_message_of_any_form_is_cut(
    connect: Connect, application: Application, content: dict[str, Any]
) -> None:
    number = await application.database(message, content)
    async with connect() as client:
        found = await call(client, "get_message", id=number)
        page = await call(client, "list_messages", format="detailed")
    for answer in (found, page):
        assert size_of(answer) <= MOST_BYTES
    assert found["message"]["id"] == page["items"][0]["id"] == number
    assert "left" in str(found["message"]["content"])


@pytest.mark.parametrize("levels", [300, 900])
async def test_deeply_nested_message(
    connect: Connect, application: Application, levels: int
) -> None:
    content = {"filename": nested(levels), "state": nested(levels), "x": nested(levels)}
    number = await application.database(message, content)
    await application.database(rows.log, execution_id=FIRST, extra_data=nested(levels))
    async with connect() as client:
        found = await call(client, "get_message", id=number)
        page = await call(client, "list_messages", format="detailed")
        brief = await call(client, "list_messages", run_id=str(rows.RUN))
        records = await call(client, "list_logs", format="detailed")
    for answer in (found, page, records):
        assert TOO_DEEP in str(answer)
    assert brief["total"] == 1
