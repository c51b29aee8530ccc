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
from tests.waiting import PATIENCE

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
    assert (progress["stf_files_announced"], progress["tf_samples"]) == (10, 10)
    assert (progress["slices_made"], progress["slices_done"]) == (150, 150)
    assert progress["slices_failed"] == 0
    assert detail["statistics"]["workers_to_keep_up"] == 205
    run = detail["run_number"]
    files = [f"swf.{run}.{sequence:06d}.stf" for sequence in range(1, 11)]
    assert [message["about"] for message in generated["items"]] == files
    kinds = {agent["agent_type"] for agent in agents["items"]}
    assert kinds >= {"workflow_runner", "data", "fastmon", "fast_processing", "worker"}


async def test_pause_resume_and_stop(running: Stack) -> None:
    async with assistant(running) as client:
        started = await call(client, "start_workflow", config="fast_processing", realtime=True)
        execution_id = started["execution_id"]
        with anyio.fail_after(PATIENCE):
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
    own = [event for event in detail["history"] if event["via"] == "mcp"]
    assert [event["event"] for event in own] == [
        "pending",
        "pause_requested",
        "paused",
        "resume_requested",
        "running",
        "stop_requested",
        "terminated",
    ]
    assert len({event["actor"] for event in own}) == 1, "who asked for it, not the runner"


async def test_agents_are_stopped_and_started_and_spoken_to(running: Stack) -> None:
    async with assistant(running) as client:
        healthy = await call(client, "get_system_status")
        stopped = await call(client, "stop_agents", agents=["processing"])
        down = await call(client, "get_agent", name="processing-agent")
        again = await call(client, "stop_agents", agents=["processing"])
        started = await call(client, "start_agents", agents=["processing"])
        up = await call(client, "get_agent", name="processing-agent")
        sent = await call(
            client, "send_message", message_type="shift_note", content={"text": "all quiet"}
        )
        with anyio.fail_after(60):
            found: dict[str, Any] = {"items": []}
            while not found["items"]:
                found = await call(client, "list_messages", message_type="shift_note")
        refused = await client.call_tool("start_agents", {"agents": ["procesing"]})
    assert healthy["processes"]["processing-agent"] == "RUNNING"
    assert stopped["stopped"] == ["processing-agent"]
    assert down["process"]["state"] == "STOPPED"
    assert 'start_agents(agents=["processing-agent"])' in down["next"]
    assert again["stopped"] == []
    assert "nothing was changed" in again["note"]
    assert started["started"][0]["program"] == "processing-agent"
    assert up["agent"]["operational_state"] in ("READY", "PROCESSING")
    assert up["last_lines"]
    assert found["items"][0]["sender"].startswith("mcp-")
    assert refused.is_error
    events = running.client().get("system-state-events/", via="mcp", limit=50)
    told = {event["event_type"]: event["event_data"]["reason"] for event in reversed(events)}
    assert told["agents_stopped"] == "processing-agent"
    assert told["agents_started"] == "processing-agent"
    assert told["message_sent"] == f"shift_note {sent['message_id']}"
    assert all(event["actor"] for event in events)
