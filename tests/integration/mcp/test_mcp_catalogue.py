"""What an assistant reads of the tools before it calls one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp_types import TextResourceContents, Tool

from mcp_server.application import Application
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

MOST_BYTES = 20_000
WRITING = {"start_workflow", "stop_workflow", "pause_workflow", "resume_workflow"}


async def _tools(connect: Connect) -> list[Tool]:
    async with connect() as client:
        return (await client.list_tools()).tools


async def test_the_tools(connect: Connect) -> None:
    assert {tool.name for tool in await _tools(connect)} == {
        *WRITING,
        "wait_for_workflow",
        "list_workflow_executions",
        "get_workflow_execution",
        "list_agents",
        "list_messages",
        "get_system_status",
        "list_workflow_definitions",
        "validate_workflow_config",
    }


async def test_all_of_it_is_short(connect: Connect) -> None:
    async with connect() as client:
        result = await client.list_tools()
    assert len(result.model_dump_json(by_alias=True, exclude_none=True)) <= MOST_BYTES


async def test_every_tool_is_described(connect: Connect) -> None:
    for tool in await _tools(connect):
        assert tool.title, tool.name
        assert tool.description, tool.name
        assert "Next:" in tool.description, tool.name
        assert tool.output_schema is not None, tool.name
        assert tool.output_schema["type"] == "object", tool.name
        hints = tool.annotations
        assert hints is not None
        assert hints.read_only_hint is (tool.name not in WRITING)
        for hint in (hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint):
            assert hint is not None, tool.name


async def test_every_parameter_is_described_and_bounded(connect: Connect) -> None:
    for tool in await _tools(connect):
        assert tool.input_schema["additionalProperties"] is False
        for name, schema in tool.input_schema["properties"].items():
            where = f"{tool.name}.{name}"
            assert schema["description"], where
            assert schema["examples"], where
            assert _bounded(schema), where


async def test_no_titles_of_pydantic(connect: Connect) -> None:
    for tool in await _tools(connect):
        text = json.dumps([tool.input_schema, tool.output_schema])
        assert '"title"' not in text
        assert '"null"' not in text


def _bounded(schema: dict[str, Any]) -> bool:
    if schema["type"] == "string":
        return "maxLength" in schema or "enum" in schema
    if schema["type"] in ("integer", "number"):
        return "minimum" in schema or "exclusiveMinimum" in schema
    return schema["type"] in ("boolean", "object")


async def test_resources(connect: Connect, application: Application) -> None:
    done = await application.database(rows.whole_run)
    async with connect() as client:
        (listed,) = (await client.list_resources()).resources
        (template,) = (await client.list_resource_templates()).resource_templates
        status = (await client.read_resource("testbed://status")).contents[0]
        address = template.uri_template.replace("{execution_id}", done.execution_id)
        execution = (await client.read_resource(address)).contents[0]
        with pytest.raises(Exception, match="stf_datataking-shifter-0001"):
            await client.read_resource("testbed://executions/stf_datataking-shifter-0009")
    assert listed.uri == "testbed://status"
    assert isinstance(status, TextResourceContents)
    assert "problems" in json.loads(status.text)
    assert isinstance(execution, TextResourceContents)
    assert json.loads(execution.text)["status"] == "completed"


async def test_the_older_protocol_is_spoken_too(connect: Connect) -> None:
    async with connect(mode="legacy") as client:
        assert (await client.list_tools()).tools
        result = await client.call_tool("list_agents", {})
    assert result.structured_content == {"items": [], "total": 0, "applied_filters": {}}
