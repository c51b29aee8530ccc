"""PostgreSQL and the broker go away and come back under a server that lives on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from mcp import Client

from tests.broker_process import BrokerProcess, start_broker
from tests.integration.mcp.calls import call
from tests.integration.mcp.mcp_process import ROOT, Installation, McpProcess
from tests.postgres_process import DURABLE, PostgresProcess, running_postgres
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture
def own_postgres() -> Iterator[PostgresProcess]:
    """A PostgreSQL that the test may kill: what was committed has to be there after it."""
    with running_postgres(**DURABLE) as server:
        yield server


@pytest.fixture
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A broker that the test may kill."""
    started = start_broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()


@pytest.fixture
def server(
    own_postgres: PostgresProcess,
    own_broker: BrokerProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[McpProcess]:
    home = tmp_path_factory.mktemp("home")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workflows", home / "workflows", ignore=ignored)
    (home / "testbed.toml").write_text(
        '[testbed]\nnamespace = "torre1"\n[workflow]\nname = "stf_datataking"\n'
    )
    environ = {**own_broker.environ, **own_postgres.environ}
    installation = Installation(home, environ)
    installation.initialise()
    started = McpProcess.start(installation)
    yield started
    started.stop()


async def severe(client: Client) -> set[str]:
    """Return the services that the status finds errors in."""
    status = await call(client, "get_system_status")
    errors = [one["subject"] for one in status["findings"] if one["severity"] == "error"]
    return {subject.removeprefix("service ") for subject in errors}


async def until(client: Client, where: str, *, broken: bool) -> None:
    with anyio.fail_after(PATIENCE):
        while (where in await severe(client)) is not broken:
            await anyio.sleep(0.1)


async def test_both_heal(
    server: McpProcess, own_postgres: PostgresProcess, own_broker: BrokerProcess
) -> None:
    async with server.client() as client, server.client() as listener:
        started = await call(client, "start_workflow")
        execution_id, uri = started["execution_id"], started["resource"]
        async with listener.listen(resource_subscriptions=[uri]) as events:
            await anyio.to_thread.run_sync(own_broker.kill)
            await until(client, "broker", broken=True)
            waits: dict[str, Any] = await call(client, "start_workflow")
            assert waits["status"] == "pending", "it is announced when the broker is back"
            await anyio.to_thread.run_sync(own_broker.start)
            await until(client, "broker", broken=False)

            await anyio.to_thread.run_sync(own_postgres.kill)
            await until(client, "database", broken=True)
            diagnosis = await call(client, "diagnose_execution", execution_id=execution_id)
            assert diagnosis["findings"][0]["code"] == "database_away"
            assert "Connection refused" in str(diagnosis["findings"][0]), "why is told"
            await anyio.to_thread.run_sync(own_postgres.start)
            await until(client, "database", broken=False)

            assert (await call(client, "stop_workflow", execution_id=execution_id))["done"]
            with anyio.fail_after(PATIENCE):
                await anext(events)
        found = await call(client, "list_workflow_executions")
    assert found["total"] == 2
    assert server.process.poll() is None
    assert server.log.count("PostgreSQL does not tell of changes") == 1, "said once"
    assert "Traceback" not in server.log
