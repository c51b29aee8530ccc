"""SIGTERM: calls and streams end in order, and nobody holds the end up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import anyio
import httpx2
import pytest
from mcp import Client

from mcp_server.http.service import GRACE
from tests.integration.mcp.mcp_process import Installation, McpProcess
from tests.mcp_wire import ACCEPT, INITIALIZE
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_server(installation: Installation) -> Iterator[McpProcess]:
    """A server that the test may end."""
    started = McpProcess.start(installation)
    yield started
    started.stop()


@pytest.fixture
def patient_server(installation: Installation) -> Iterator[McpProcess]:
    """One that drops nothing at its end, however slow the machine is."""
    started = McpProcess.start(installation, "tests.integration.mcp.patient_server")
    yield started
    started.stop()


@pytest.mark.filterwarnings("ignore:resources/.* is removed as of 2026-07-28")
async def test_sigterm_with_waiting_calls_and_open_streams(patient_server: McpProcess) -> None:
    """No client ends anything; each call has its answer, each stream its last frame."""
    headers = {**ACCEPT, "Authorization": f"Bearer {patient_server.installation.token}"}

    async def wait(client: Client, waiting: asyncio.Event) -> None:
        async def progress(*_arguments: object) -> None:
            waiting.set()

        result = await client.call_tool(
            "wait_for_workflow",
            {"execution_id": execution_id, "timeout_s": 60},
            progress_callback=progress,
        )
        assert result.structured_content is not None
        assert result.structured_content["finished"] is False

    async with (
        patient_server.client() as client,
        patient_server.client(mode="legacy") as older,
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
    ):
        await older.list_tools()  # or it would, to know what the answer has to be like
        started = await client.call_tool("start_workflow", {})
        assert started.structured_content is not None
        execution_id, uri = (started.structured_content[k] for k in ("execution_id", "resource"))
        await older.subscribe_resource(uri)
        opened = await http.post(patient_server.url, json=INITIALIZE)
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        async with (
            http.stream("GET", patient_server.url, headers=session) as stream,
            client.listen(resource_subscriptions=[uri]) as listening,
        ):
            assert stream.status_code == 200
            async with anyio.create_task_group() as group:
                waits = [asyncio.Event(), asyncio.Event()]
                group.start_soon(wait, client, waits[0])
                group.start_soon(wait, older, waits[1])
                for each in waits:
                    await each.wait()
                await anyio.to_thread.run_sync(patient_server.terminate)
            async for _event in listening:
                pass
            await stream.aread()
    for word in ("dropped", "Cancel", "ERROR", "Traceback"):
        assert word not in patient_server.log, "nothing had to be cut short"


async def test_sigterm_with_a_client_that_does_not_go_on(own_server: McpProcess) -> None:
    """Half a request holds nothing up: it is dropped, in less than a second."""
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{own_server.port}\r\n"
        f"Authorization: Bearer {own_server.installation.token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", own_server.port)) as connection:
        connection.sendall(head.encode())
        async with own_server.client() as client:
            await client.list_tools()  # by now the half is there too
        own_server.terminate()
    assert GRACE < 1
    assert f"dropped, as they did not end within {GRACE} s: connections: 1" in own_server.log
    assert "Traceback" not in own_server.log
