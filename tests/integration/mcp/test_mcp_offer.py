"""What an assistant reads of the server before it calls a tool: short, whole, and true."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp import Client
from mcp_types import Tool

from mcp_server.application import Application
from mcp_server.server import build_server
from mcp_server.toolsets import TOOLSETS, chosen_tools
from swf_common_lib.errors import InvalidRequest
from tests.integration.mcp.conftest import Connect

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

BYTES_A_TOOL = 714
"""What an assistant pays for each on average: 20 kB for 28 tools."""
WRITING = {
    "start_workflow",
    "stop_workflow",
    "pause_workflow",
    "resume_workflow",
    "run_workflow",
    "start_agents",
    "stop_agents",
    "send_message",
}
DESTRUCTIVE = {"stop_workflow", "stop_agents", "send_message"}
READING = {
    "get_system_status",
    "list_workflow_definitions",
    "get_workflow_definition",
    "validate_workflow_config",
    "wait_for_workflow",
    "list_workflow_executions",
    "get_workflow_execution",
    "diagnose_execution",
    "compare_executions",
    "list_agents",
    "get_agent",
    "list_messages",
    "get_message",
    "list_runs",
    "get_run",
    "list_stf_files",
    "list_tf_slices",
    "get_statistics",
    "list_logs",
    "list_namespaces",
}


async def _tools(connect: Connect) -> list[Tool]:
    async with connect() as client:
        return (await client.list_tools()).tools


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_all_tools_are_there_and_short(connect: Connect, mode: str) -> None:
    async with connect(mode=mode) as client:
        result = await client.list_tools()
    assert {tool.name for tool in result.tools} == READING | WRITING
    assert len(result.model_dump_json(by_alias=True, exclude_none=True)) <= BYTES_A_TOOL * len(
        result.tools
    )


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
        assert hints.destructive_hint is (tool.name in DESTRUCTIVE)
        assert hints.idempotent_hint is not None
        assert hints.open_world_hint is False


async def test_numbers_are_bounded_and_choices_listed(connect: Connect) -> None:
    for tool in await _tools(connect):
        for name, schema in tool.input_schema["properties"].items():
            where = f"{tool.name}.{name}"
            if schema.get("type") in ("integer", "number"):
                assert "minimum" in schema or "exclusiveMinimum" in schema, where
            if name == "format":
                assert schema["enum"] == ["concise", "detailed"], where
            assert schema.get("type") or schema.get("enum"), where


async def test_nothing_of_pydantic_is_paid_for(connect: Connect) -> None:
    for tool in await _tools(connect):
        text = json.dumps([tool.input_schema, tool.output_schema])
        for noise in ('"title"', '"null"', "$defs", "maxLength", "additionalProperties"):
            assert noise not in text, tool.name


async def test_next_tools_exist(connect: Connect) -> None:
    tools = await _tools(connect)
    names = {tool.name for tool in tools}
    for tool in tools:
        after = str(tool.description).rpartition("Next:")[2]
        named = {word.strip(".,;()") for word in after.split() if "_" in word}
        known = {name for name in named if name.startswith(("get_", "list_", "start_", "wait_"))}
        assert known <= names, tool.name


def _names(**options: Any) -> set[str]:
    return {tool.name for tool in chosen_tools(**options)}


def test_toolsets_are_parts_of_all() -> None:
    assert _names(names=["status", "logs"]) == {
        "get_system_status",
        "list_logs",
        "list_namespaces",
    }
    parts = [_names(names=[name]) for name in TOOLSETS]
    assert set.union(*parts) == READING | WRITING
    assert sum(len(part) for part in parts) == len(READING | WRITING)
    with pytest.raises(InvalidRequest, match="did you mean executions"):
        chosen_tools(["exections"])


async def test_read_only_offers_nothing_that_changes(application: Application) -> None:
    assert _names(read_only=True) == READING
    async with Client(build_server(application, read_only=True)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == READING
        refused = await client.call_tool("start_workflow", {})
    assert refused.is_error
    assert "read-only" in str(refused.content)


async def test_tool_of_another_toolset_is_named_as_such(application: Application) -> None:
    async with Client(build_server(application, toolsets=["status"])) as client:
        refused = await client.call_tool("list_logs", {})
    assert refused.is_error
    assert "list_logs is not offered here" in str(refused.content)
