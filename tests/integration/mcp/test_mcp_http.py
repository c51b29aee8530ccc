"""The server as a process, over HTTP: tokens, sessions, refusals, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp_types import CallToolResult, ResourceUpdatedNotification, TextContent

from tests.broker_process import BrokerProcess
from tests.integration.mcp.mcp_process import ROOT, Installation, McpProcess
from tests.mcp_wire import ACCEPT, INITIALIZE
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anyio

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
LISTEN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "subscriptions/listen",
    "params": {"notifications": {"resourceSubscriptions": ["testbed://status"]}, "_meta": META},
}
ALIVE = (
    "from monitor.executions import claim, report\n"
    "claim({id!r}, 'runner-1'); report({id!r}, {{'status': {status!r}}}, actor='r', via='rest')"
)


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[McpProcess]:
    """A server that whatever clients do leaves without an error of its own."""
    started = McpProcess.start(installation)
    yield started
    started.stop()
    assert not re.search("ERROR|Traceback", started.log), started.log


def token(installation: Installation, name: str, scope: str, user: str = "maria") -> str:
    return installation.django(
        "from monitor.records.tokens import create_token\n"
        f"print(create_token({name!r}, {scope!r}, {user!r}, replace=True))"
    )


def text(result: object) -> str:
    assert isinstance(result, CallToolResult)
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_it_says_without_a_token_that_it_serves(server: McpProcess) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.get(f"http://127.0.0.1:{server.port}/healthz")
        near_it = await http.get(f"http://127.0.0.1:{server.port}/healthz/")

    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert near_it.status_code == 401


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer"])
async def test_operator(server: McpProcess, scheme: str, mode: str) -> None:
    async with server.client(scheme=scheme, mode=mode) as client:
        assert len((await client.list_tools()).tools) >= 12
        result = await client.call_tool("list_agents", {})
    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["items"] == []


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic YTpi", "Token"])
def test_without_a_valid_token(server: McpProcess, header: str | None) -> None:
    headers = {**ACCEPT, **({} if header is None else {"Authorization": header})}
    answer = httpx2.post(server.url, json=INITIALIZE, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 401
    problem = answer.json()
    assert problem["type"] == "urn:swf-testbed:not-authenticated"
    assert "testbed token" in problem["hint"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_read_token_reads_and_does_not_start(server: McpProcess) -> None:
    key = token(server.installation, "reader", "read")
    async with server.client(key) as client:
        assert not (await client.call_tool("list_workflow_executions", {})).is_error
        for tool, arguments in (
            ("start_workflow", {}),
            ("stop_workflow", {"execution_id": "x"}),
            ("pause_workflow", {"execution_id": "x"}),
            ("resume_workflow", {"execution_id": "x"}),
            ("run_workflow", {}),
            ("start_agents", {}),
            ("stop_agents", {}),
            ("send_message", {"message_type": "note"}),
        ):
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert f"{tool} needs a token with scope 'operate'" in text(refused)
        found = await client.call_tool("list_workflow_executions", {"executed_by": "maria"})
    assert found.structured_content is not None
    assert found.structured_content["total"] == 0


async def test_execution_belongs_to_the_tokens_user(server: McpProcess) -> None:
    key = token(server.installation, "operator of eva", "operate", "eva")
    async with server.client(key) as client:
        started = await client.call_tool("start_workflow", {"stf_count": 2})
        assert started.structured_content is not None
        execution_id = started.structured_content["execution_id"]
        assert execution_id.startswith("stf_datataking-eva-")
        stopped = await client.call_tool("stop_workflow", {"execution_id": execution_id})
        assert stopped.structured_content is not None
        assert stopped.structured_content["status"] == "terminated"
        found = await client.call_tool("get_workflow_execution", {"execution_id": execution_id})
    assert found.structured_content is not None
    assert {event["actor"] for event in found.structured_content["history"]} == {"eva"}


async def test_revoked_token_ends_its_session(server: McpProcess) -> None:
    key = token(server.installation, "soon gone", "read")
    async with httpx2.AsyncClient(
        headers={**ACCEPT, "Authorization": f"Bearer {key}"}, timeout=PATIENCE
    ) as http:
        opened = await http.post(server.url, json=INITIALIZE)
        assert opened.status_code == 200
        server.installation.django(
            "from monitor.records.tokens import revoke_token; revoke_token('soon gone')"
        )
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        with anyio.fail_after(PATIENCE):  # within a second; not looked up each time
            while True:
                answer = await http.post(server.url, json=listing, headers=session)
                if answer.status_code == 401:
                    break
                await anyio.sleep(0.05)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_revoked_token_ends_its_streams(server: McpProcess, method: str) -> None:
    """The open stream of the older protocol, and a listen stream of the newer."""
    key = token(server.installation, f"listener {method}", "read")
    headers = {**ACCEPT, "Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
        if method == "GET":
            opened = await http.post(server.url, json=INITIALIZE)
            session = {"mcp-session-id": opened.headers["mcp-session-id"]}
            stream = http.stream("GET", server.url, headers=session)
        else:
            modern = {
                "MCP-Protocol-Version": "2026-07-28",
                "Mcp-Method": "subscriptions/listen",
            }
            stream = http.stream("POST", server.url, json=LISTEN, headers=modern)
        async with stream as response:
            assert response.status_code == 200
            code = "from monitor.records.tokens import revoke_token\n"
            code += f"revoke_token('listener {method}')"
            await anyio.to_thread.run_sync(server.installation.django, code)
            with anyio.fail_after(PATIENCE):  # what keeps it open sends a word now and then
                await response.aread()


def test_session_of_another(server: McpProcess) -> None:
    eva = {**ACCEPT, "Authorization": f"Bearer {server.installation.token}"}
    opened = httpx2.post(server.url, json=INITIALIZE, headers=eva, timeout=PATIENCE)
    max_ = {**ACCEPT, "Authorization": f"Bearer {token(server.installation, 'max', 'read', 'max')}"}
    answer = httpx2.post(
        server.url,
        json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        headers={**max_, "mcp-session-id": opened.headers["mcp-session-id"]},
        timeout=PATIENCE,
    )
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403)],
)
def test_other_hosts_pages_are_refused(
    server: McpProcess, header: dict[str, str], status: int
) -> None:
    headers = {**ACCEPT, "Authorization": f"Bearer {server.installation.token}", **header}
    answer = httpx2.post(server.url, json=INITIALIZE, headers=headers, timeout=PATIENCE)
    assert answer.status_code == status


def test_stream_that_is_to_be_resumed_is_a_new_one(server: McpProcess) -> None:
    headers = {**ACCEPT, "Authorization": f"Bearer {server.installation.token}"}
    with httpx2.Client(headers=headers, timeout=PATIENCE) as http:
        opened = http.post(server.url, json=INITIALIZE)
        session = {"mcp-session-id": opened.headers["mcp-session-id"], "last-event-id": "17"}
        with http.stream("GET", server.url, headers=session) as stream:
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")


async def test_many_at_once(server: McpProcess) -> None:
    results: list[bool] = []

    async def one(number: int) -> None:
        async with server.client() as client:
            result = await client.call_tool("start_workflow", {"idempotency_key": f"n{number % 5}"})
            assert not result.is_error, text(result)
            assert result.structured_content is not None
            results.append(True)
            ids.add(result.structured_content["execution_id"])

    ids: set[str] = set()
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(one, number)
    assert len(results) == 50
    assert len(ids) == 5


def start_request(key: str) -> bytes:
    """A start as its bytes on the wire of the newer era: no session has to be opened before."""
    params = {
        "name": "start_workflow",
        "arguments": {"idempotency_key": key, "namespace": "vanished"},
        "_meta": META,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return json.dumps(body).encode()


async def test_client_that_vanishes_in_the_middle_of_a_start(server: McpProcess) -> None:
    """At any moment: asking again with the same key gives one execution, none is half made."""
    keys = [f"vanished-{number}" for number in range(10)]
    for number, key in enumerate(keys):
        body = start_request(key)
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: Bearer {server.installation.token}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
            "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n"
            f"Mcp-Name: start_workflow\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body)
            connection.settimeout(0.005 * number)
            with contextlib.suppress(TimeoutError, BlockingIOError):
                connection.recv(1)
    async with server.client() as client:
        for key in keys:
            again = await client.call_tool(
                "start_workflow", {"idempotency_key": key, "namespace": "vanished"}
            )
            assert not again.is_error, text(again)
        found = await client.call_tool("list_workflow_executions", {"namespace": "vanished"})
    assert found.structured_content is not None
    assert found.structured_content["total"] == len(keys)
    histories = server.installation.django(
        "from monitor.records.models import SystemStateEvent as E, WorkflowExecution as W\n"
        "ids = W.objects.filter(namespace='vanished').values('execution_id')\n"
        "print(E.objects.filter(execution_id__in=ids, event_type='execution_pending').count())"
    )
    assert histories == str(len(keys))


@pytest.mark.filterwarnings("ignore:resources/.* is removed as of 2026-07-28")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_change_made_by_another_process_is_pushed(server: McpProcess, mode: str) -> None:
    told = anyio.Event()

    async def handle(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification) and message.params.uri == uri:
            told.set()

    async def hear(events: AsyncIterator[object]) -> None:
        async for _event in events:
            told.set()

    async with server.client(mode=mode, message_handler=handle) as client:
        started = await client.call_tool("start_workflow", {})
        assert started.structured_content is not None
        execution_id, uri = (started.structured_content[k] for k in ("execution_id", "resource"))
        async with anyio.create_task_group() as group, contextlib.AsyncExitStack() as stack:
            if mode == "legacy":
                await client.subscribe_resource(uri)
            else:
                listening = client.listen(resource_subscriptions=[uri])
                group.start_soon(hear, await stack.enter_async_context(listening))
            code = f"from monitor.executions import claim; claim({execution_id!r}, 'runner-1')"
            await anyio.to_thread.run_sync(server.installation.django, code)
            with anyio.fail_after(PATIENCE):
                await told.wait()
            group.cancel_scope.cancel()


async def test_read_only_server_with_some_tools(installation: Installation) -> None:
    limited = McpProcess.start(
        installation, "mcp_server", "--read-only", "--toolsets", "control,logs"
    )
    try:
        async with limited.client() as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            refused = await client.call_tool("stop_workflow", {"execution_id": "x"})
    finally:
        limited.stop()
    assert names == {"wait_for_workflow", "list_logs", "list_namespaces"}
    assert "read-only" in text(refused)


async def test_wait_sees_the_end(server: McpProcess) -> None:
    told: list[str | None] = []
    waiting = asyncio.Event()

    async def progress(_value: float, _total: float | None, line: str | None) -> None:
        told.append(line)
        waiting.set()

    async with server.client() as client:
        started = await client.call_tool("start_workflow", {})
        assert started.structured_content is not None
        execution_id = started.structured_content["execution_id"]

        async def end() -> None:
            await waiting.wait()
            code = ALIVE.format(id=execution_id, status="completed")
            await anyio.to_thread.run_sync(server.installation.django, code)

        async with anyio.create_task_group() as group:
            group.start_soon(end)
            result = await client.call_tool(
                "wait_for_workflow",
                {"execution_id": execution_id, "timeout_s": 60},
                progress_callback=progress,
            )
    assert result.structured_content is not None
    assert result.structured_content["status"] == "completed"
    assert result.structured_content["finished"] is True
    assert "is pending" in str(told[0])


async def _running(client: Client, execution_id: str) -> None:
    with anyio.fail_after(PATIENCE):
        while True:
            found = await client.call_tool("get_workflow_execution", {"execution_id": execution_id})
            assert found.structured_content is not None
            if found.structured_content["status"] == "running":
                return
            await anyio.sleep(0.02)


async def test_stop_waits_for_the_runner(server: McpProcess) -> None:
    async with server.client() as client:
        started = await client.call_tool("start_workflow", {})
        assert started.structured_content is not None
        execution_id = started.structured_content["execution_id"]
        code = (
            "import time\nfrom monitor.records.models import SystemStateEvent as E\n"
            "from monitor.executions import claim, report\n"
            f"claim({execution_id!r}, 'runner-1')\n"
            f"mine = E.objects.filter(execution_id={execution_id!r})\n"
            "while not mine.filter(event_type='stop_requested').exists(): time.sleep(0.02)\n"
            f"report({execution_id!r}, {{'status': 'terminated'}}, actor='runner-1', via='rest')"
        )
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, server.installation.django, code)
            await _running(client, execution_id)  # its runner is there: the stop waits for it
            stopped = await client.call_tool("stop_workflow", {"execution_id": execution_id})
    assert stopped.structured_content is not None
    assert stopped.structured_content["status"] == "terminated"
    assert stopped.structured_content["done"] is True


def test_taken_port(installation: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "mcp_server"],
            cwd=ROOT,
            env={**installation.environment, "SWF_MCP_PORT": port},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "SWF_MCP_PORT" in done.stderr
    assert "Traceback" not in done.stderr


async def test_database_without_tables(
    tmp_path: Path, broker: BrokerProcess, new_database: Callable[[], dict[str, str]]
) -> None:
    empty = Installation(tmp_path, {**broker.environ, **new_database()})
    (tmp_path / ".testbed").mkdir()
    server = McpProcess.start(empty)
    try:
        headers = {**ACCEPT, "Authorization": "Bearer x"}
        answer = httpx2.post(server.url, json=INITIALIZE, headers=headers, timeout=PATIENCE)
    finally:
        server.stop()
    assert answer.status_code == 503
    assert "testbed init" in answer.json()["hint"]
