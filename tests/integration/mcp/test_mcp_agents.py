"""Agents under a real supervisord: what is told of them, and what is recorded of their stops."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.application import Application
from monitor.diagnosis.system import system_findings
from monitor.health.look import take_look
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.orphans import end_programs_of
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.errors import Conflict
from swf_common_lib.findings import Finding, FindingCode
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect
from tests.integration.mcp.history import put_away, put_back, trail, unwritable
from tests.integration.orchestrator.small_agents import write_small_agents
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def supervisor(home: Path, application: Application) -> Iterator[Supervisor]:
    """The supervisord of this host's agents, with the data agent up."""
    write_small_agents(home)
    made = supervisor_of_agents(application.settings)
    made.ensure_daemon()
    made.start("data-agent")
    yield made
    made.shutdown()
    end_programs_of(made.socket, patience=0)


@pytest.fixture
def dead_pid() -> int:
    """The id of a process that is gone."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


def here(**fields: Any) -> dict[str, Any]:
    return {"hostname": socket.gethostname(), **fields}


async def test_stop_is_recorded_before_and_after(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    async with connect() as client:
        async with unwritable(application):
            text = await refusal(client, "stop_agents")
        assert supervisor.process("data-agent").up, "it was refused"
        stopped = await call(client, "stop_agents")
        again = await call(client, "stop_agents")
    assert "database" in text
    assert stopped == {"stopped": ["data-agent"]}
    assert "nothing was changed" in again["note"]
    assert await application.database(trail) == [
        ("agents_stop_requested", "data-agent"),
        ("agents_stopped", "data-agent"),
    ]


async def test_stop_that_fails_half_way_is_recorded(
    connect: Connect,
    application: Application,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stubborn(_self: Supervisor, *names: str) -> None:
        raise Conflict(f"{', '.join(names)} did not end within 15 s")

    monkeypatch.setattr(Supervisor, "stop", stubborn)
    async with connect() as client:
        assert "did not end" in await refusal(client, "stop_agents", agents=["data"])
    assert await application.database(trail) == [
        ("agents_stop_requested", "data-agent"),
        ("agents_stop_failed", "data-agent: data-agent did not end within 15 s"),
    ]


async def test_what_was_stopped_is_told_when_the_database_fails_meanwhile(
    connect: Connect,
    application: Application,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop = Supervisor.stop

    def stop_and_break(self: Supervisor, *names: str) -> None:
        stop(self, *names)
        put_away()
        monkeypatch.undo()

    monkeypatch.setattr(Supervisor, "stop", stop_and_break)
    try:
        async with connect() as client:
            stopped = await call(client, "stop_agents")
    finally:
        await application.database(put_back)
    assert stopped["stopped"] == ["data-agent"]
    assert "the history lacks agents_stopped" in stopped["note"]


async def test_start_is_recorded_before_it_is_tried(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    async with connect() as client:
        async with unwritable(application):
            assert "database" in await refusal(client, "start_agents", agents=["runner"])
        assert not supervisor.process("workflow-runner").up
        (application.settings.swf_testbed_config).write_text("[testbed]\n")
        assert "namespace" in await refusal(client, "start_agents", agents=["runner"])
    requested, failed = await application.database(trail)
    assert requested == ("agents_start_requested", "runner")
    assert failed[0] == "agents_start_failed"


async def test_agent_whose_process_is_gone(
    connect: Connect, application: Application, supervisor: Supervisor, dead_pid: int
) -> None:
    await application.database(rows.agent, "data-agent-x-1", **here(pid=dead_pid))
    async with connect() as client:
        anew = await call(client, "get_agent", name="data-agent-x-1")
        supervisor.stop("data-agent")
        dead = await call(client, "get_agent", name="data-agent-x-1")
    assert anew["process"]["state"] == "gone"
    assert anew["process"]["its_program"]["state"] == "RUNNING"
    assert anew["next"].startswith('get_agent(name="data-agent")')
    assert dead["process"]["its_program"]["state"] == "STOPPED"
    assert dead["next"].startswith('start_agents(agents=["data-agent"])')


async def test_program_that_has_not_reported_yet(
    connect: Connect, application: Application, supervisor: Supervisor, dead_pid: int
) -> None:
    """It was killed, and supervisord has just started it again."""
    await application.database(rows.agent, "data-agent-x-1", **here(pid=dead_pid))
    async with connect() as client:
        told = await call(client, "get_agent", name="data-agent")
        supervisor.stop("data-agent")
        down = await call(client, "get_agent", name="data-agent")
    reports = told["process"]["reports"]
    assert reports.startswith("has not reported since its process started ")
    assert reports.endswith("s ago; before it data-agent-x-1")
    assert down["process"]["reports"] == "does not run; it last was data-agent-x-1"


async def test_agent_that_is_enabled_and_does_not_run(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    """Its script is an argument of the small agent's `sleep`, which the runner's lacks."""
    file = application.settings.swf_testbed_config
    file.write_text(file.read_text() + '[agents.data]\nenabled = true\nscript = "600"\n')
    configuration = supervisor.configuration.file
    runner = "[program:workflow-runner]\ncommand=sleep "
    configuration.write_text(configuration.read_text().replace(f"{runner}600", f"{runner}601"))

    async def said() -> list[dict[str, Any]]:
        async with connect() as client:
            status = await call(client, "get_system_status")
        return [one for one in status["findings"] if one["subject"] == "program data-agent"]

    assert await said() == []
    supervisor.stop("data-agent")
    assert await said() == [], "none is up: nobody wants any"
    supervisor.start("workflow-runner")
    (finding,) = await said()
    assert finding["code"] == "agent_down"
    assert finding["remedy"] == "start_agents"

    def down() -> Finding:
        found = system_findings(take_look(application.queues, from_outside=True))
        return next(one for one in found if one.code is FindingCode.AGENT_DOWN)

    told = await application.database(down)
    assert told.fact("effect") == "STFs are not registered"
    assert told.target == {"programs": "data-agent"}
    await application.database(rows.agent)
    assert await said() == [], "another host has one"


async def test_agent_that_this_host_cannot_look_at(
    connect: Connect, application: Application, supervisor: Supervisor
) -> None:
    process = supervisor.process("data-agent")
    await application.database(rows.agent, "up", **here(pid=process.pid))
    await application.database(rows.agent, "elsewhere", hostname="daq01")
    await application.database(rows.agent, "huge", **here(pid=2**31 - 1))
    with subprocess.Popen(["sleep", "600"]) as alone:
        await application.database(rows.agent, "alone", **here(pid=alone.pid))
        async with connect() as client:
            told = {
                name: (await call(client, "get_agent", name=name))["process"]
                for name in ("up", "elsewhere", "huge", "alone")
            }
        alone.kill()
    assert told["up"]["state"] == "RUNNING"
    assert told["elsewhere"]["description"].startswith("on another host: daq01")
    assert told["huge"]["state"] == "gone"
    assert told["alone"]["state"] == "alive"
