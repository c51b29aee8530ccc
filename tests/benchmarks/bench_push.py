"""How soon an assistant is told that an execution changed which another process changed.

From the begin of the call that changes it, so with its transaction, to the notification at the
client. Beside it, from the same server and run: how soon a bare connection hears a bare NOTIFY.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import anyio
import psycopg
from mcp_types import ResourceUpdatedNotification

from tests.benchmarks.figures import Figures
from tests.integration.mcp.mcp_process import ROOT, Installation, McpProcess
from tests.postgres_process import PostgresProcess
from tests.waiting import PATIENCE

CHANGES = 60
REST = (0.05, 0.35)
"""Seconds between two changes, from and to."""
ERAS = {"2026-07-28": "auto", "2025-11-25": "legacy"}
_WARM = 5

_CHANGER = """
import sys, time
import django
django.setup()
from monitor.executions import StartRequest, report, start
request = StartRequest(workflow="stf_datataking", namespace="bench", runner="bench")
execution_id = start(request).execution.execution_id
print(execution_id, flush=True)
for line in sys.stdin:
    began = time.monotonic()
    report(execution_id, {"status_reason": line.strip()}, actor="bench", via="bench")
    print(began, flush=True)
"""
"""Changes an execution at each line that it reads, and says when it began to."""


def push_figures(database: PostgresProcess | None) -> Iterator[Figures]:
    """Measure on a PostgreSQL database of its own, or on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder), database.environ if database else {})
        (installation.home / "workflows").symlink_to(ROOT / "workflows")
        installation.initialise()
        server = McpProcess.start(installation)
        try:
            pushed = {era: asyncio.run(_pushed(server, mode)) for era, mode in ERAS.items()}
        finally:
            server.terminate()
    notified = asyncio.run(_notified(database.url())) if database else [0.0]
    kind, aim = ("PostgreSQL", "≤ 100") if database else ("SQLite", "≤ 1,000")
    for era, times in pushed.items():
        for of_all, name in ((median, "median"), (_p95, "p95")):
            yield Figures(
                f"MCP change of an execution to {era} subscriber, {kind}, {name}",
                of_all(times),
                "ms",
                of_all(notified),
                "bare NOTIFY" if database else "none",
                aim,
            )


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


async def _pushed(server: McpProcess, mode: str) -> list[float]:
    """Return the milliseconds from the start of each change to its notification."""
    told: asyncio.Queue[float] = asyncio.Queue()

    async def older(message: object) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            told.put_nowait(time.monotonic())

    async def newer(events: AsyncIterator[object]) -> None:
        async for _event in events:
            told.put_nowait(time.monotonic())

    with _changer(server.installation) as changer:
        uri = f"testbed://executions/{changer.execution_id}"
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                server.client(mode=mode, message_handler=older)
            )
            if mode == "legacy":
                await client.subscribe_resource(uri)
            else:
                events = await stack.enter_async_context(
                    client.listen(resource_subscriptions=[uri])
                )
                hearing = asyncio.create_task(newer(events))
                stack.callback(hearing.cancel)
            return await _times(changer.change, told)


async def _notified(url: str) -> list[float]:
    """Return the milliseconds from the start of a bare NOTIFY to its arrival at a bare LISTEN."""
    told: asyncio.Queue[float] = asyncio.Queue()

    async def hear(listener: psycopg.AsyncConnection[Any]) -> None:
        async for _word in listener.notifies():
            told.put_nowait(time.monotonic())

    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as listener,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as teller,
    ):
        await listener.execute("LISTEN bench")

        async def change() -> float:
            began = time.monotonic()
            await teller.execute("NOTIFY bench")
            return began

        hearing = asyncio.create_task(hear(listener))
        times = await _times(change, told)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    return times


async def _times(change: Callable[[], Awaitable[float]], told: asyncio.Queue[float]) -> list[float]:
    times = []
    with anyio.fail_after(CHANGES * PATIENCE):
        for _ in range(_WARM + CHANGES):
            await asyncio.sleep(random.uniform(*REST))
            while not told.empty():
                told.get_nowait()  # what a look at everything found beside
            began = await change()
            times.append(1000 * (await told.get() - began))
    return times[_WARM:]


@dataclass(frozen=True)
class _Changer:
    """A process that changes its execution on request."""

    process: subprocess.Popen[str]
    execution_id: str

    async def change(self) -> float:
        """Change it; return when the change began."""
        return await asyncio.to_thread(self._change)

    def _change(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{time.monotonic()}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def _changer(installation: Installation) -> Iterator[_Changer]:
    process = subprocess.Popen(
        [sys.executable, "-c", _CHANGER],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        execution_id = process.stdout.readline().strip()
        assert execution_id, "no execution was made"
        yield _Changer(process, execution_id)
        process.stdin.close()
