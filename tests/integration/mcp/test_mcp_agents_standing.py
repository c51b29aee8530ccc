"""Which agents are listed, and what is said first of one that does not live."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from mcp_server.application import Application
from monitor.records.models import SystemAgent
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.orphans import end_programs_of
from orchestrator.supervisord.supervisor import Supervisor
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.calls import told as told_by
from tests.integration.mcp.conftest import Connect
from tests.integration.orchestrator.small_agents import write_small_agents
from tests.integration.web import rows
from tests.waiting import wait_until

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

KINDS = ("data", "fastmon", "worker", "workflow_runner")


@pytest.fixture
def supervisor(home: Path, application: Application) -> Iterator[Supervisor]:
    """The supervisord of this host's agents, with the data agent up; what dies stays down."""
    write_small_agents(home)
    file = home / "agents.supervisord.conf"
    file.write_text(file.read_text().replace("startsecs=0", "startsecs=0\nautorestart=false"))
    made = supervisor_of_agents(application.settings)
    made.ensure_daemon()
    made.start("data-agent")
    yield made
    made.shutdown()
    end_programs_of(made.socket, patience=0)


def aged(name: str, seconds: float, **fields: Any) -> SystemAgent:
    """An agent that was heard of so long ago, for the last time, and first an hour before."""
    heard = timezone.now() - timedelta(seconds=seconds)
    row = rows.agent(name, last_heartbeat=heard, heartbeat_interval=5, **fields)
    SystemAgent.objects.filter(pk=row.pk).update(first_seen=heard - timedelta(hours=1))
    return row


def names(page: dict[str, Any]) -> set[str]:
    return {item["name"] for item in page["items"]}


async def test_after_a_restart_of_all_the_list_has_as_many_as_run(
    connect: Connect, application: Application
) -> None:
    def restarted() -> None:
        rows.agent("monitor-ingest", agent_type="ingest", namespace="")
        for kind in KINDS:
            aged(f"{kind}-1", 600, agent_type=kind)
            rows.agent(f"{kind}-2", agent_type=kind)
        aged("worker-0", 700, agent_type="worker", operational_state="EXITED")

    await application.database(restarted)
    async with connect() as client:
        now = await call(client, "list_agents")
        every = await call(client, "list_agents", gone=True)
        ingest = await call(client, "list_agents", agent_type="ingest")
        silent = await call(client, "list_agents", gone=True, liveness="silent")
        exited = await call(client, "list_agents", liveness="exited")
    assert names(now) == {f"{kind}-2" for kind in KINDS}
    assert now["total"] == len(KINDS)
    assert names(every) == {"worker-0"} | {f"{kind}-{n}" for kind in KINDS for n in (1, 2)}
    assert names(ingest) == {"monitor-ingest"}
    assert names(silent) == {f"{kind}-1" for kind in KINDS}
    assert {item["replaced_by"] for item in silent["items"]} == {f"{kind}-2" for kind in KINDS}
    assert names(exited) == {"worker-0"}


async def test_state_and_health_are_those_of_agents_that_live(
    connect: Connect, application: Application
) -> None:
    def mixed() -> None:
        rows.agent("lives")
        aged("late", 20, agent_type="fastmon")
        aged("silent", 60, agent_type="worker")
        aged("unheard", 3 * 24 * 3600, agent_type="old")
        rows.agent("left", agent_type="processing", operational_state="EXITED")

    await application.database(mixed)
    async with connect() as client:
        ready = await call(client, "list_agents", operational_state="READY,PROCESSING")
        ready_ever = await call(client, "list_agents", operational_state="READY", gone=True)
        left = await call(client, "list_agents", operational_state="EXITED")
        now = await call(client, "list_agents")
        silent = await call(client, "list_agents", gone=True, liveness="silent")
        not_alive = await call(client, "list_agents", liveness="late,silent")
    assert names(ready) == names(ready_ever) == {"lives"}
    assert names(left) == {"left"}
    standing = {item["name"]: item for item in now["items"]}
    assert {name: item["liveness"] for name, item in standing.items()} == {
        "lives": "alive",
        "late": "late",
        "silent": "silent",
    }
    assert [n for n, item in standing.items() if "operational_state" in item] == ["lives"]
    assert {n: item["health"] for n, item in standing.items() if n != "lives"} == {
        "late": "UNKNOWN",
        "silent": "UNKNOWN",
    }
    assert names(silent) == {"silent", "unheard"}
    assert names(not_alive) == {"late", "silent"}


async def test_pages_and_wrong_values(connect: Connect, application: Application) -> None:
    await application.database(lambda: [rows.agent(f"{kind}-1", agent_type=kind) for kind in KINDS])
    async with connect() as client:
        first = await call(client, "list_agents", limit=3)
        rest = await call(client, "list_agents", limit=3, cursor=first["next_cursor"])
        other = await refusal(client, "list_agents", gone=True, cursor=first["next_cursor"])
        wrong = await refusal(client, "list_agents", liveness="dead")
    assert names(first) | names(rest) == {f"{kind}-1" for kind in KINDS}
    assert "cursor" in other
    assert "expected one of alive, late, silent, exited" in wrong


async def test_agent_whose_process_is_frozen(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    pid = supervisor.process("data-agent").pid
    here = {"hostname": socket.gethostname(), "pid": pid}
    await application.database(rows.agent, "data-agent-x-1", **here)
    os.kill(pid, signal.SIGSTOP)
    try:
        async with connect() as client:
            text, told = await told_by(client, "get_agent", name="data-agent")
    finally:
        os.kill(pid, signal.SIGCONT)
    (finding,) = told["findings"]
    assert (finding["code"], finding["remedy"]) == ("agent_frozen", "restart_agents")
    assert text.startswith(finding["what"][:60])
    assert f"Next: {told['next']}" in text
    assert told["next"] == finding["next"]
    assert (told["process"]["state"], told["process"]["pid"]) == ("RUNNING", pid)
    assert "frozen" in told["process"]


async def test_agent_that_died_and_one_that_was_stopped(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    pid = supervisor.process("data-agent").pid
    here = {"hostname": socket.gethostname(), "pid": pid}
    await application.database(lambda: aged("data-agent-x-1", 60, **here))
    supervisor.stop("data-agent")
    async with connect() as client:
        text, stopped = await told_by(client, "get_agent", name="data-agent-x-1")
        by_program = await call(client, "get_agent", name="data-agent")
        supervisor.start("data-agent")
        await application.database(
            rows.agent, "data-agent-x-2", **{**here, "pid": supervisor.process("data-agent").pid}
        )
        _, replaced = await told_by(client, "get_agent", name="data-agent-x-1")
    assert stopped["findings"][0]["code"] == "agent_silent"
    assert text.startswith(stopped["findings"][0]["what"][:40])
    assert stopped["process"]["state"] == "gone"
    assert stopped["process"]["its_program"]["ended"]["how"].startswith("stopped in order")
    assert by_program["process"]["ended"]["how"].startswith("stopped in order")
    assert stopped["ended"]["last_heard_at"]
    assert replaced["ended"]["replaced_by"] == "data-agent-x-2"
    assert replaced["next"].startswith('get_agent(name="data-agent")')


async def test_program_that_was_killed(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    os.kill(supervisor.process("data-agent").pid, signal.SIGKILL)
    wait_until(lambda: not supervisor.process("data-agent").up)
    async with connect() as client:
        text, told = await told_by(client, "get_agent", name="data-agent")
    assert told["process"]["ended"]["how"] == "died: nobody had told it to end " + (
        "(terminated by SIGKILL)"
    )
    assert "died" in text
    assert 'start_agents(agents=["data-agent"])' in told["next"]


@pytest.mark.usefixtures("supervisor")
async def test_agent_that_said_good_bye(connect: Connect, application: Application) -> None:
    with subprocess.Popen(["true"]) as process:
        pid = process.pid
    here = {"hostname": socket.gethostname(), "pid": pid, "operational_state": "EXITED"}
    await application.database(rows.agent, "data-agent-x-1", **here)
    async with connect() as client:
        text, told = await told_by(client, "get_agent", name="data-agent-x-1")
    assert "findings" not in told or told["findings"] == []
    assert told["ended"]["how"].startswith("stopped in order")
    assert told["agent"]["liveness"] == "exited"
    assert "operational_state" not in told["agent"]
    assert text.startswith("data-agent-x-1: stopped in order")
