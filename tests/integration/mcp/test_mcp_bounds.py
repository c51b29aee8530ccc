"""Whatever is recorded and whatever is asked: an answer comes, it fits, and it keeps its schema."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
from mcp_types import TextResourceContents

from mcp_server.answers.truncation import MOST_BYTES, TOO_DEEP
from mcp_server.application import Application
from monitor.records.transitions import record_event
from tests.integration.mcp.calls import call, size_of
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

FIRST, SECOND = "stf_datataking-shifter-0001", "stf_datataking-shifter-0002"


def nested(levels: int) -> dict[str, Any]:
    """Return a table nested ``levels`` deep."""
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


async def test_slow_questions_keep_nobody_out(application: Application) -> None:
    """Whoever comes while all threads are busy is let in, and may wait for a thread then."""
    done = threading.Event()
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(application.database, done.wait)
        try:
            with anyio.fail_after(PATIENCE):
                assert await application.tokens(lambda: "maria") == "maria"
        finally:
            done.set()


async def test_newest_log_record_is_huge(connect: Connect, application: Application) -> None:
    await application.database(rows.execution, 1)
    await application.database(rows.log, "before", execution_id=FIRST)
    await application.database(rows.log, "trace " * 20_000 + "end", execution_id=FIRST)
    async with connect() as client:
        read = await client.read_resource(f"testbed://executions/{FIRST}/log")
    (content,) = read.contents
    assert isinstance(content, TextResourceContents)
    assert "before" in content.text
    assert content.text.endswith("end")
    assert len(content.text) < MOST_BYTES


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
