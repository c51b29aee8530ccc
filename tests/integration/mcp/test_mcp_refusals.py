"""What is refused, whatever its size: before anything is done, and in a few words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp.client.extension import advertise
from mcp_types import PromptReference, Request, Result

from mcp_server.answers.error_text import MOST_CHARACTERS
from mcp_server.application import Application
from mcp_server.server import build_server
from mcp_server.tasks import IDENTIFIER
from mcp_server.tasks.extension import TaskParams
from monitor.records.models import SystemStateEvent
from tests.integration.mcp.calls import refusal
from tests.integration.mcp.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

LONG = "x" * 300_000


def nested(levels: int) -> dict[str, Any]:
    """Return a table nested ``levels`` deep."""
    value: dict[str, Any] = {"end": 1}
    for _ in range(levels):
        value = {"in": value}
    return value


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
    ids=["goal", "execution", "prompt", "argument", "arguments"],
)
async def test_refusals_of_prompts_are_bounded(
    connect: Connect, name: str, arguments: dict[str, str]
) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as error:
            await client.get_prompt(name, arguments)
    assert error.value.error.code == -32602
    assert len(str(error.value)) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    "uri", [f"testbed://workflows/{LONG}", "testbed://executions/a%00b"], ids=["long", "NUL"]
)
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


@pytest.mark.parametrize("number", [2**63, 10**400], ids=["64 bits", "400 digits"])
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


@pytest.mark.parametrize("begun", [LONG, "a\0b"], ids=["long", "NUL"])
async def test_nothing_completes_what_no_name_begins_with(connect: Connect, begun: str) -> None:
    reference = PromptReference(name="diagnose_failed_execution")
    async with connect() as client:
        found = await client.complete(reference, {"name": "execution_id", "value": begun})
    assert found.completion.values == []


async def test_task_that_no_database_has(application: Application) -> None:
    """On PostgreSQL to look for it is an error of the database."""
    async with Client(build_server(application), extensions=[advertise(IDENTIFIER)]) as client:
        params = TaskParams(task_id="a\0b")
        request = Request[TaskParams, str](method="tasks/get", params=params)
        with pytest.raises(MCPError, match="there is no task"):
            await client.session.send_request(request, Result)
