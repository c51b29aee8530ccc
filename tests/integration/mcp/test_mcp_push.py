"""Being told: what is subscribed to is pushed when it changes, whoever changed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.subscriptions import ResourceUpdated
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp_types import ResourceUpdatedNotification

from mcp_server.application import Application
from mcp_server.push import watcher
from mcp_server.push.fingerprints import fingerprints_of
from mcp_server.push.watcher import Watcher
from mcp_server.server import build_server
from mcp_server.uris import execution_resource, workflow_resource
from monitor.executions import claim, report, request_change
from monitor.records.database.notify import CHANNEL
from monitor.records.models import RunState
from swf_common_lib.settings import Settings
from tests.integration.mcp.calls import call
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows
from tests.postgres_process import PostgresProcess
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.django_db(transaction=True),
    # The SDK's client says so of what the older era has.
    pytest.mark.filterwarnings("ignore:resources/.* is removed as of 2026-07-28"),
]

NAME = "stf_datataking-shifter-0001"
URI = execution_resource(NAME)


class Told:
    """What a client was told, in either era."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self._more = anyio.Event()

    def note(self, uri: str) -> None:
        self.uris.append(uri)
        self._more.set()
        self._more = anyio.Event()

    async def wait_for(self, uri: str, after: int = 0) -> int:
        """Wait until ``uri`` is told of beyond the first ``after``; give how many were told."""
        with anyio.fail_after(PATIENCE):
            while uri not in self.uris[after:]:
                await self._more.wait()
        return len(self.uris)


@asynccontextmanager
async def subscribed(
    application: Application, mode: str, *uris: str
) -> AsyncIterator[tuple[Client, Told]]:
    """A client that subscribed to ``uris`` the way its era does."""
    told = Told()

    async def handle(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            told.note(str(message.params.uri))

    async def hear(events: Any) -> None:
        async for event in events:
            if isinstance(event, ResourceUpdated):
                told.note(event.uri)

    server = build_server(application)
    async with Client(server, mode=mode, message_handler=handle) as client:
        if mode == "legacy":
            for uri in uris:
                await client.subscribe_resource(uri)
            yield client, told
            return
        async with (
            client.listen(resource_subscriptions=list(uris)) as events,
            anyio.create_task_group() as group,
        ):
            group.start_soon(hear, events)
            yield client, told
            group.cancel_scope.cancel()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_course_of_an_execution(application: Application, mode: str) -> None:
    await application.database(rows.execution, 1, "pending", start_time=None)
    async with subscribed(application, mode, URI) as (client, told):
        await application.database(claim, NAME, "runner-1")
        seen = await told.wait_for(URI)
        state = await application.database(
            RunState.objects.create, run_number=rows.RUN, execution_id=NAME
        )
        seen = await told.wait_for(URI, seen)
        await application.database(
            RunState.objects.filter(pk=state.pk).update, stf_files_generated=4
        )
        seen = await told.wait_for(URI, seen)
        await application.database(
            report, NAME, {"status": "completed"}, actor="runner-1", via="rest"
        )
        await told.wait_for(URI, seen)
        detail = await client.read_resource(URI)
    assert '"status":"completed"' in str(detail.contents[0])
    assert set(told.uris) == {URI}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_status_workflow_and_log(application: Application, mode: str) -> None:
    await application.database(rows.execution, 1, "running")
    workflow = workflow_resource("stf_datataking")
    uris = ["testbed://status", workflow, f"{URI}/log"]
    file = application.settings.swf_home / "workflows" / "stf_datataking.py"
    async with subscribed(application, mode, *uris) as (_client, told):
        await application.database(rows.agent)
        await told.wait_for("testbed://status")
        file.write_text(file.read_text() + "\n# changed\n")
        await told.wait_for(workflow)
        await application.database(rows.log, execution_id=NAME)
        await told.wait_for(f"{URI}/log")


async def test_odd_files_among_the_workflows_stop_nothing(application: Application) -> None:
    """An editor's dangling link, and a subscription to a workflow that is not there."""
    await application.database(rows.execution, 1, "running")
    workflows = application.settings.swf_home / "workflows"
    (workflows / ".#open.toml").symlink_to("nobody@nowhere")
    uris = [workflow_resource("stf_datataking"), workflow_resource("to_come"), URI]
    async with subscribed(application, "auto", *uris) as (_client, told):
        await application.database(report, NAME, {"status_reason": "x"}, actor="r", via="rest")
        seen = await told.wait_for(URI)
        (workflows / "to_come.py").write_text("class WorkflowExecutor: ...")
        await told.wait_for(uris[1], seen)


async def test_resource_that_fails_stops_no_other(
    application: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = execution_resource("broken")
    look = fingerprints_of

    def failing(uris: Iterable[str], settings: Settings) -> dict[str, Any]:
        if broken in (uris := list(uris)):
            raise ValueError("no such thing can be looked for")
        return look(uris, settings)

    monkeypatch.setattr(watcher, "fingerprints_of", failing)
    await application.database(rows.execution, 1, "running")
    async with subscribed(application, "auto", broken, URI) as (_client, told):
        seen = 0
        for reason in ("x", "y"):
            await application.database(
                report, NAME, {"status_reason": reason}, actor="r", via="rest"
            )
            seen = await told.wait_for(URI, seen)
    assert caplog.text.count("cannot look whether testbed://executions/broken changed") == 1


async def test_only_what_was_asked_for_and_only_as_long(application: Application) -> None:
    await application.database(rows.execution, 1, "running")
    await application.database(rows.execution, 2, "running")
    other = execution_resource("stf_datataking-shifter-0002")
    async with subscribed(application, "legacy", URI, other) as (client, told):
        await client.unsubscribe_resource(other)
        for name in ("stf_datataking-shifter-0002", NAME):
            await application.database(
                request_change, name, "stop", actor="x", via="rest", reason=""
            )
        await told.wait_for(URI)
    assert set(told.uris) == {URI}


async def test_many_streams_and_their_end(application: Application, connect: Connect) -> None:
    """Fifty listen at once; closing ends each in order, and nobody watches any more."""
    await application.database(rows.execution, 1, "running")
    server = build_server(application)
    ended: list[int] = []
    heard: list[int] = []
    ready = asyncio.Semaphore(0)

    async def listen(number: int) -> None:
        async with (
            Client(server) as client,
            client.listen(resource_subscriptions=[URI]) as events,
        ):
            ready.release()
            async for _event in events:
                heard.append(number)
            ended.append(number)

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(listen, number)
        with anyio.fail_after(PATIENCE):
            for _ in range(50):
                await ready.acquire()
            await application.database(report, NAME, {"status_reason": "x"}, actor="r", via="rest")
            while len(set(heard)) < 50:
                await anyio.sleep(0.01)
            server.subscriptions.close()
    assert sorted(ended) == list(range(50))


@pytest.fixture
def postgres_application(
    application: Application, postgres: PostgresProcess
) -> tuple[Application, str]:
    """An application that takes its database for a PostgreSQL, and that one's address."""
    postgres.create_database("told")
    url = postgres.url("told")
    application.settings = application.settings.model_copy(update={"swf_database_url": url})
    return application, url


async def test_postgresql_tells_at_once(
    postgres_application: tuple[Application, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With looks that are an hour apart it can only be PostgreSQL that told."""
    import psycopg

    application, url = postgres_application
    await application.database(rows.execution, 1, "running")
    monkeypatch.setattr(watcher, "LOOK_EVERY", 3600.0)
    monkeypatch.setattr(watcher, "LOOK_EVERY_TOLD", 3600.0)
    bus, told = InMemorySubscriptionBus(), Told()
    bus.subscribe(lambda event: told.note(getattr(event, "uri", "")))
    watching = Watcher(application, bus)
    await watching.add([URI])
    try:
        with anyio.fail_after(PATIENCE):
            while not watching.listening:
                await anyio.sleep(0.01)
        await application.database(report, NAME, {"status_reason": "x"}, actor="r", via="rest")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as server:
            await server.execute("SELECT pg_notify(%s, %s)", [CHANNEL, NAME])
        await told.wait_for(URI)
        # The server ends our connection: it is made again, and what was missed is looked at.
        await application.database(report, NAME, {"status_reason": "y"}, actor="r", via="rest")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as server:
            await server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        await told.wait_for(URI, 1)
    finally:
        watching.discard([URI])


async def test_waiting_and_being_told_agree(connect: Connect, application: Application) -> None:
    """A client with both is told of the end before or while it waits for it."""
    await application.database(rows.execution, 1, "running")
    async with subscribed(application, "auto", URI) as (client, told):
        async with anyio.create_task_group() as group:

            async def end() -> None:
                await application.database(
                    report, NAME, {"status": "completed"}, actor="r", via="rest"
                )

            group.start_soon(end)
            standing = await call(client, "wait_for_workflow", execution_id=NAME, timeout_s=30)
        await told.wait_for(URI)
    assert standing["finished"] is True
