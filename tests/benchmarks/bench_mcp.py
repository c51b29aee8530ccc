"""What a call of our MCP server costs, beside the same call of a bare server of the SDK."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.benchmarks.figures import Figures
from tests.integration.mcp.mcp_process import ROOT, Installation
from tests.ports import free_port
from tests.postgres_process import PostgresProcess
from tests.waiting import wait_until

MESSAGES = 1_000_000
ROUNDS = 6
CALLS = 20
"""Calls of each kind in a round; the kinds take turns, so that noise meets all of them."""
_WARM = 10

_FILL = """
INSERT INTO records_workflowmessage (message_id, message_type, namespace, sender_agent,
    execution_id, run_id, destination, sent_at, received_at, content, problem)
SELECT 'bench-' || n,
    (ARRAY['stf_gen', 'stf_ready', 'tf_slices_ready', 'slice_status'])[1 + mod(n, 4)],
    'bench', 'agent-bench-' || mod(n, 7),
    'stf_datataking-bench-' || lpad((n / 20000)::text, 4, '0'), (100001 + n / 20000)::text,
    '/topic/epictopic', timestamptz '2026-01-01' + n * interval '10 ms',
    timestamptz '2026-01-01' + n * interval '10 ms',
    jsonb_build_object('msg_type', 'stf_gen', 'filename', 'swf.' || n || '.stf', 'sequence', n,
        'state', 'run', 'substate', 'physics', 'simulation_tick', n * 2.0,
        'checksum', md5(n::text), 'size_bytes', 1073741824),
    ''
FROM generate_series(1, %(messages)s) AS n
"""


@dataclass(frozen=True)
class Call:
    """One kind of call that is measured."""

    name: str
    server: str
    tool: str
    arguments: Mapping[str, Any]


BARE = Call("bare server, trivial tool", "bare", "trivial", {"number": 1})
TRIVIAL = Call("trivial tool", "testbed", "trivial", {"number": 1})
LISTS = (
    Call("list_messages, newest", "testbed", "list_messages", {}),
    Call(
        "list_messages of an execution",
        "testbed",
        "list_messages",
        {"execution_id": "stf_datataking-bench-0025"},
    ),
    Call("list_messages of a type", "testbed", "list_messages", {"message_type": "slice_status"}),
)
_CALLS = (BARE, TRIVIAL, *LISTS)


@dataclass
class Cost:
    """The cost of one kind of call: milliseconds each, at the client and of the server's CPU."""

    latency: list[float]
    cpu: list[float]


def mcp_figures(database: PostgresProcess, messages: int = MESSAGES) -> Iterator[Figures]:
    """Measure on a PostgreSQL database of its own, filled with ``messages`` messages."""
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder), database.environ)
        installation.initialise()
        _fill(database, messages)
        costs = _measure(installation)
    bare = costs[BARE.name]
    for call in (TRIVIAL, *LISTS):
        cost = costs[call.name]
        aim = "≤ 5 x" if call in LISTS else "-"
        yield Figures(
            f"MCP {call.name}, latency",
            median(cost.latency),
            "ms",
            median(bare.latency),
            "bare SDK call",
            aim,
        )
        yield Figures(
            f"MCP {call.name}, CPU",
            median(cost.cpu),
            "ms",
            median(bare.cpu),
            "bare SDK call",
            aim,
        )


def _fill(database: PostgresProcess, messages: int) -> None:
    with database.connect() as connection:
        connection.execute(_FILL, {"messages": messages})
        connection.execute("VACUUM ANALYZE records_workflowmessage")


def _measure(installation: Installation) -> dict[str, Cost]:
    with _server("bare", installation) as bare, _server("testbed", installation) as testbed:
        return asyncio.run(_rounds({"bare": bare, "testbed": testbed}, installation.token))


@dataclass(frozen=True)
class _Server:
    url: str
    pid: int

    @property
    def cpu(self) -> float:
        """Return the milliseconds of CPU time of its process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server(kind: str, installation: Installation) -> Iterator[_Server]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.mcp_servers", kind, str(port)],
        cwd=ROOT,
        env={**installation.environment, "SWF_MCP_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/mcp"

    def listens() -> bool:
        assert process.poll() is None, f"the {kind} server ended"
        try:
            return bool(httpx2.get(url).status_code)
        except httpx2.TransportError:
            return False

    try:
        wait_until(listens, timeout=30, message=f"the {kind} server does not listen")
        yield _Server(url, process.pid)
    finally:
        process.terminate()
        process.wait()


async def _rounds(servers: Mapping[str, _Server], token: str) -> dict[str, Cost]:
    costs = {call.name: Cost([], []) for call in _CALLS}
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(await _client(stack, server.url, token))
            for name, server in servers.items()
        }
        for call in _CALLS:
            await _calls(clients[call.server], call, _WARM)
        for _ in range(ROUNDS):
            for call in _CALLS:
                server = servers[call.server]
                worked = server.cpu
                times = await _calls(clients[call.server], call, CALLS)
                costs[call.name].latency.extend(times)
                costs[call.name].cpu.append((server.cpu - worked) / CALLS)
    return costs


async def _client(stack: AsyncExitStack, url: str, token: str) -> Client:
    headers = {"Authorization": f"Bearer {token}"}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=30))
    return Client(streamable_http_client(url, http_client=http))


async def _calls(client: Client, call: Call, count: int) -> list[float]:
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        result = await client.call_tool(call.tool, dict(call.arguments))
        times.append(1000 * (time.perf_counter() - begin))
        assert not result.is_error, result
    return times
