"""Prompts, completion and resources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from mcp_server.application import Application
from monitor.records.models import SystemStateEvent
from monitor.records.transitions import record_event
from tests.integration.mcp.calls import call
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

PROMPTS: dict[str, dict[str, str]] = {
    "plan_and_run_workflow": {"goal": "how many workers keep up?", "namespace": "torre1"},
    "diagnose_failed_execution": {"execution_id": "stf_datataking-shifter-0001"},
    "compare_two_executions": {"first": "one-0001", "second": "two-0002"},
    "shift_report": {"since": "-12h", "namespace": "torre1"},
}


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    return content.text


async def test_prompts_name_tools_that_there_are(connect: Connect) -> None:
    async with connect() as client:
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert set(prompts) == set(PROMPTS)
        for name, arguments in PROMPTS.items():
            assert prompts[name].title
            assert all(argument.description for argument in prompts[name].arguments or ())
            (message,) = (await client.get_prompt(name, arguments)).messages
            assert isinstance(message.content, TextContent)
            text = message.content.text
            assert all(value in text for value in arguments.values())
            words = {word.strip(".,:;()") for word in text.split()}
            named = {w for w in words if w.startswith(("get_", "list_", "start_", "wait_"))}
            assert named
            assert named <= tools


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("shift_reprt", {}, "did you mean shift_report?"),
        ("diagnose_failed_execution", {}, "needs the argument 'execution_id'"),
        ("shift_report", {"sine": "-8h"}, "did you mean since?"),
        ("shift_report", {"since": "yesterday"}, "since=yesterday"),
    ],
)
async def test_wrong_prompts(
    connect: Connect, name: str, arguments: dict[str, str], expected: str
) -> None:
    async with connect() as client:
        with pytest.raises(MCPError) as error:
            await client.get_prompt(name, arguments)
    assert expected in str(error.value)
    assert error.value.error.code == -32602


@pytest.mark.parametrize(
    ("argument", "begun", "expected"),
    [
        ("execution_id", "stf_datataking-shifter-000", ["0002", "0001"]),
        ("execution_id", "0001", ["0001"]),
        ("execution_id", "", ["0002", "0001"]),
        ("name", "stf_d", ["stf_datataking"]),
        ("topic", "arch", ["architecture"]),
        ("unknown", "x", []),
    ],
)
async def test_completion_in_resources(
    connect: Connect, application: Application, argument: str, begun: str, expected: list[str]
) -> None:
    for number in (1, 2):
        await application.database(rows.execution, number)
    ref = ResourceTemplateReference(uri="testbed://executions/{execution_id}")
    async with connect() as client:
        found = (await client.complete(ref, {"name": argument, "value": begun})).completion
    assert len(found.values) == len(expected)
    assert all(value.endswith(end) for value, end in zip(found.values, expected, strict=True))
    assert found.total == len(expected)


async def test_completion_in_prompts(connect: Connect, application: Application) -> None:
    await application.database(rows.whole_run)
    ref = PromptReference(name="shift_report")
    async with connect() as client:
        spaces = await client.complete(ref, {"name": "namespace", "value": "to"})
        periods = await client.complete(ref, {"name": "since", "value": "-1"})
    assert spaces.completion.values == ["torre1"]
    assert periods.completion.values == ["-12h", "-1d", "-1h"]


async def test_resources(connect: Connect, application: Application) -> None:
    done = await application.database(rows.whole_run)
    async with connect() as client:
        listed = (await client.list_resources()).resources
        templates = {
            template.uri_template
            for template in (await client.list_resource_templates()).resource_templates
        }
        status: dict[str, Any] = json.loads(await read(client, "testbed://status"))
        uri = f"testbed://executions/{done.execution_id}"
        execution = json.loads(await read(client, uri))
        log = await read(client, f"{uri}/log")
        workflow = json.loads(await read(client, "testbed://workflows/stf_datataking"))
        text = await read(client, "testbed://docs/architecture")
    assert [one.uri for one in listed] == ["testbed://status", "testbed://events"]
    assert templates == {
        "testbed://workflows/{name}",
        "testbed://executions/{execution_id}",
        "testbed://executions/{execution_id}/log",
        "testbed://docs/{topic}",
    }
    assert "findings" in status
    assert execution["status"] == "completed"
    assert execution["parameters"]["fast_processing"]["stf_count"] == 10
    first, second = log.splitlines()[:2]
    assert first.endswith("registered the STF")
    assert " ERROR data-agent-shifter-2: no disk" in second
    assert "class WorkflowExecutor" in workflow["code"]
    assert text.startswith("#")


async def test_events_that_belong_to_no_execution(
    connect: Connect, application: Application
) -> None:
    await application.database(rows.whole_run)
    async with connect() as client:
        sent = await call(client, "send_message", message_type="shift_note")

        def say(reason: str) -> None:
            record_event("", "trial", actor="maria", via="mcp", reason=reason)

        for number in range(210):
            await application.database(say, f"{number} " + "x" * 400)
        events = json.loads(await read(client, "testbed://events"))["events"]
        await application.database(SystemStateEvent.objects.filter(event_type="trial").delete)
        few = json.loads(await read(client, "testbed://events"))["events"]
    assert events[0]["reason"].startswith("209 ")
    assert 50 < len(events) < 200, "they are long"
    (event,) = few  # what agents said is among the messages
    assert event["event"] == "message_sent"
    assert event["reason"] == f"shift_note {sent['message_id']}"
    assert event["via"] == "mcp"
    assert event["actor"]


async def test_shift_report_of_a_namespace_asks_for_its_numbers(connect: Connect) -> None:
    async with connect() as client:
        told = await client.get_prompt("shift_report", {"namespace": "torre1"})
    assert "get_statistics with since=-8h and namespace=torre1" in str(told.messages[0].content)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("testbed://executions/stf_datataking-shifter-0009", "stf_datataking-shifter-0001"),
        ("testbed://executions/stf_datataking-shifter-0009/log", "stf_datataking-shifter-0001"),
        ("testbed://workflows/stf_datatakin", "did you mean stf_datataking?"),
        ("testbed://docs/architectur", "did you mean architecture?"),
        ("testbed://docs/..%2F..%2Fpyproject", ""),
        ("testbed://nothing", ""),
    ],
)
async def test_unknown_resources(
    connect: Connect, application: Application, uri: str, expected: str
) -> None:
    await application.database(rows.execution, 1)
    async with connect() as client:
        with pytest.raises(MCPError) as error:
            await client.read_resource(uri)
    assert expected in str(error.value)
    assert error.value.error.code == -32602
