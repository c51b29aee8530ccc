"""Whatever is recorded and whatever is asked: an answer comes, it fits, and it keeps its schema."""

from __future__ import annotations

import json
import threading
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import TextResourceContents

from mcp_server.application import Application
from mcp_server.refusal import MOST_CHARACTERS
from mcp_server.sizes import MOST_BYTES, TOO_DEEP
from monitor.records.models import SystemStateEvent
from monitor.records.transitions import record_event
from tests.integration.mcp.calls import call, refusal, size_of
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

LONG = "x" * 300_000
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


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("start_workflow", {"parameters": {f"p{n}": n for n in range(110)}}, "more"),
        ("start_workflow", {"parameters": {f"p{n}": n for n in range(5_000)}}, "at most 200"),
        ("start_workflow", {"parameters": {"stf_count": LONG}}, "expected a whole number"),
        ("start_workflow", {"parameters": {LONG: 1}}, "characters left out"),
        ("list_messages", {f"argument{n}": n for n in range(10_000)}, "9980 more"),
        ("list_messages", {LONG: 1}, "no argument 'x"),
        ("list_messages", {"limit": LONG}, "limit"),
        ("get_agent", {"name": LONG}, "at most 100"),
        ("start_agents", {"agents": [LONG] * 15}, "at most 100"),
        (LONG, {}, "there is no tool 'x"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
async def test_refusals_are_bounded(
    connect: Connect, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect() as client:
        text = await refusal(client, tool, **arguments)
    assert len(text) <= MOST_CHARACTERS
    assert expected in text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("plan_and_run_workflow", {"goal": LONG}),
        ("diagnose_failed_execution", {"execution_id": LONG}),
        (LONG, {}),
        ("shift_report", {LONG: "1"}),
        ("shift_report", {f"argument{n}": "1" for n in range(10_000)}),
    ],
    ids=str,
)
async def test_refusals_of_prompts_are_bounded(
    connect: Connect, name: str, arguments: dict[str, str]
) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as error:
            await client.get_prompt(name, arguments)
    assert error.value.error.code == -32602
    assert len(str(error.value)) <= MOST_CHARACTERS


@pytest.mark.parametrize("uri", [f"testbed://workflows/{LONG}", "testbed://executions/a%00b"])
async def test_uris_that_no_resource_has(connect: Connect, uri: str) -> None:
    async with connect() as client:
        with pytest.raises(MCPError, match=r"no resource's|NUL") as read:
            await client.read_resource(uri)
        with pytest.raises(MCPError, match="cannot subscribe"):
            async with client.listen(resource_subscriptions=[uri]):
                pass
    assert len(str(read.value)) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (nested(100), "is nested deeper than 40 levels"),
        ({"text": ["a\0b"]}, "has a NUL character"),
        ({"a\0b": 1}, "has a NUL character"),
    ],
    ids=["deep", "value", "name"],
)
async def test_what_cannot_be_kept_is_not_sent(
    connect: Connect, application: Application, content: dict[str, Any], expected: str
) -> None:
    """It would be broadcast, and then nobody could read it."""
    async with connect() as client:
        for given in (content, json.dumps(content)):
            text = await refusal(client, "send_message", message_type="note", content=given)
            assert expected in text
    assert not await application.database(SystemStateEvent.objects.exists)


@pytest.mark.parametrize(
    ("tool", "argument"),
    [
        ("get_workflow_execution", "execution_id"),
        ("stop_workflow", "execution_id"),
        ("list_workflow_executions", "namespace"),
        ("get_message", "message_id"),
        ("get_agent", "name"),
        ("start_workflow", "idempotency_key"),
    ],
)
async def test_nul_is_refused(connect: Connect, tool: str, argument: str) -> None:
    async with connect() as client:
        text = await refusal(client, tool, **{argument: "a\0b"})
    assert f"{tool}: {argument} has a NUL character" in text


@pytest.mark.parametrize("number", [2**63, 10**400])
@pytest.mark.parametrize(
    ("tool", "argument"),
    [
        ("start_workflow", "stf_count"),
        ("start_workflow", "physics_period_count"),
        ("get_message", "id"),
    ],
)
async def test_huge_numbers_are_refused(
    connect: Connect, tool: str, argument: str, number: int
) -> None:
    async with connect() as client:
        text = await refusal(client, tool, **{argument: number})
    assert text == f"{tool}: {argument} is larger than any number here"
