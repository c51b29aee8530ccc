"""A whole installation on PostgreSQL, and what is left of a run when the server is killed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import requests
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from orchestrator.runs import Progress, look
from swf_common_lib.messaging import BROADCAST, MessageBus
from tests.monitor_database import MonitorDatabase
from tests.postgres_process import PASSWORD, PostgresProcess, running_postgres
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.test_kills import EXPECTED, SHORT_RUN, messages
from tests.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.anyio]

PROGRAMS = ("web", "ingest", "mcp", "workflow-runner", "data-agent", "fast-processing-agent")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresProcess]:
    """A server that keeps what it has confirmed when it is killed."""
    with running_postgres(synchronous_commit="on") as started:
        yield started


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, server: PostgresProcess) -> Iterator[Stack]:
    made = Stack.create(tmp_path_factory.mktemp("p"), settings=server.environ)
    try:
        made.start(agents=True)
        yield made
    finally:
        ended(made)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def progress(stack: Stack, execution_id: str) -> Progress:
    return look(stack.client(patience=30), execution_id)


def opened_stream(stack: Stack, execution_id: str) -> requests.Response:
    return requests.get(
        f"{stack.settings.swf_monitor_url}/api/messages/stream/",
        params={"execution_id": execution_id, "last_event_id": "0"},
        headers={"Authorization": f"Token {stack.settings.swf_api_token}"},
        stream=True,
        timeout=60,
    )


def streamed(stream: requests.Response) -> Counter[str]:
    """Read a stream until its run has ended; count the events by name."""
    seen: Counter[str] = Counter()
    for line in stream.iter_lines(chunk_size=1, decode_unicode=True):
        name, _, value = line.partition(": ")
        if name == "event":
            seen[value] += 1
        if seen["end_run_worker"] and seen["stf_ready"] == EXPECTED["stf_ready"]:
            break
    return seen


async def services_by_assistant(stack: Stack) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {stack.settings.swf_api_token}"}
    address = f"http://127.0.0.1:{stack.settings.swf_mcp_port}/mcp"
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        told = await client.call_tool("get_system_status", {})
    assert not told.is_error, told
    assert told.structured_content is not None
    services: dict[str, Any] = told.structured_content["services"]
    return services


async def test_a_killed_server_costs_nothing_and_needs_no_hand(
    stack: Stack, server: PostgresProcess
) -> None:
    assert not stack.settings.database_file.exists()
    assert (await services_by_assistant(stack))["database"]["status"] == "ok"
    before = {program: stack.pid(program) for program in PROGRAMS}
    execution_id = stack.run(SHORT_RUN).stdout.strip()
    wait_until(lambda: progress(stack, execution_id).stf_files >= 2, 20)

    with opened_stream(stack, execution_id) as stream:
        server.kill()
        wait_until(lambda: "does not take messages" in stack.log("ingest"), 20)
        server.start()
        wait_until(lambda: progress(stack, execution_id).over, 60)
        seen = streamed(stream)

    end = progress(stack, execution_id)
    assert end.status == "completed", end.record
    assert end.statistics["stf_files"]["registered"] == 10
    assert end.samples == 10
    assert end.slices["created"] == end.slices["completed"] == 150
    by_type = Counter(message["message_type"] for message in messages(stack, execution_id))
    assert {kind: by_type[kind] for kind in EXPECTED} == EXPECTED
    assert {kind: seen[kind] for kind in EXPECTED} == EXPECTED
    services = await services_by_assistant(stack)
    assert {name: told["status"] for name, told in services.items()} == dict.fromkeys(
        services, "ok"
    )
    assert {program: stack.pid(program) for program in PROGRAMS} == before


def test_ingest_records_each_message_once_however_often_the_server_is_killed(
    stack: Stack, server: PostgresProcess
) -> None:
    """A ledger of what was sent, against what the database holds."""
    database = MonitorDatabase(stack.settings)
    question = "SELECT message_id FROM records_workflowmessage WHERE run_id = '777' ORDER BY id"
    sent: list[str] = []
    bus = MessageBus(stack.settings)
    bus.start(10)
    for _ in range(3):
        known = len(sent)
        for _ in range(3_000):
            number = len(sent)
            sent.append(f"ledger-{number:06d}")
            body = {"msg_type": "stf_gen", "message_id": sent[-1], "run_id": "777"}
            file = {"filename": f"swf.777.{number:06d}.stf", "sequence": number}
            bus.publish(BROADCAST, {**body, **file, "namespace": "ledger"})
        wait_until(lambda known=known: len(database.ask(question)) > known, 30)
        server.kill()
        server.start()
    bus.flush(30)
    bus.close()

    wait_until(lambda: len(database.ask(question)) >= len(sent), 60)
    assert [identity for (identity,) in database.ask(question)] == sent
    counted = "SELECT stf_files_generated FROM records_runstate WHERE run_number = 777"
    assert database.ask(counted) == [(len(sent),)]


def test_a_monitor_started_without_its_server_waits_for_it(
    stack: Stack, server: PostgresProcess
) -> None:
    server.stop()
    stack.kill("web")
    wait_until(lambda: "trying until it does" in stack.log("web"), 30)
    server.start()
    assert stack.client(patience=30).get("status/")["services"]["database"]["status"] == "ok"


def test_the_password_is_nowhere(stack: Stack) -> None:
    secrets = (PASSWORD, quote(PASSWORD, safe=""))
    for file in stack.settings.log_dir.iterdir():
        assert not any(word in file.read_text(errors="replace") for word in secrets), file
    for table, column in (("applog", "message"), ("workflowmessage", "content::text")):
        for (text,) in MonitorDatabase(stack.settings).ask(f"SELECT {column} FROM records_{table}"):
            assert not any(word in text for word in secrets)
