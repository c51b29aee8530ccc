"""An assistant's first session: the whole installation, driven through MCP alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from tests.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def assistant(stack: Stack) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {stack.settings.swf_api_token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=90) as http,
        Client(streamable_http_client(stack.settings.swf_mcp_url, http_client=http)) as made,
    ):
        yield made


async def call(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def test_run_to_the_last_slice(running: Stack) -> None:
    async with assistant(running) as client:
        started = await call(client, "start_workflow", config="fast_processing", realtime=False)
        execution_id = started["execution_id"]
        waited = await call(
            client,
            "wait_for_workflow",
            execution_id=execution_id,
            include_processing=True,
            timeout_s=60,
        )
        assert (waited["status"], waited["finished"]) == ("completed", True)
        assert waited["processing_finished"] is True
        detail = await call(client, "get_workflow_execution", execution_id=execution_id)
        generated = await call(
            client, "list_messages", execution_id=execution_id, message_type="stf_gen", limit=200
        )
        agents = await call(client, "list_agents", since="-1m")
    progress = detail["progress"]
    assert (progress["stf_files"], progress["tf_samples"]) == (10, 10)
    assert (progress["slices"], progress["slices_finished"]) == (150, 150)
    assert progress["slices_failed"] == 0
    assert detail["statistics"]["workers_to_keep_up"] == 225
    assert [message["about"]["sequence"] for message in generated["items"]] == list(range(1, 11))
    kinds = {agent["agent_type"] for agent in agents["items"]}
    assert kinds >= {"workflow_runner", "data", "fastmon", "fast_processing", "worker"}


async def test_pause_resume_and_stop(running: Stack) -> None:
    async with assistant(running) as client:
        started = await call(client, "start_workflow", config="fast_processing", realtime=True)
        execution_id = started["execution_id"]
        with anyio.fail_after(20):
            while started["status"] != "running":
                started = await call(
                    client, "wait_for_workflow", execution_id=execution_id, timeout_s=0
                )
        for tool, status in (
            ("pause_workflow", "paused"),
            ("resume_workflow", "running"),
            ("stop_workflow", "terminated"),
        ):
            reached = await call(client, tool, execution_id=execution_id, reason="trying")
            assert (reached["status"], reached["done"]) == (status, True)
        detail = await call(client, "get_workflow_execution", execution_id=execution_id)
    asked = [event["event"] for event in detail["history"] if event["via"] == "mcp"]
    assert asked == ["pending", "pause_requested", "resume_requested", "stop_requested"]
