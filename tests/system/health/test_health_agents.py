"""Trouble with runner and agents, made for real, as every surface tells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from swf_common_lib.findings import FindingCode, Remedy, Severity
from swf_common_lib.roles import DATA, FASTMON, ROLES, RUNNER, WORKER
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.health.surfaces import (
    found,
    gone_from_every_surface,
    mcp,
    on_every_surface,
    rest,
    tool,
)
from tests.system.health.troubles import (
    agents,
    begin,
    begun,
    by_hand,
    frozen,
    name_of,
    namespace_of,
    urgent,
    wait_mended,
)
from tests.system.ways import tool as told_by
from tests.waiting import wait_until

pytestmark = pytest.mark.system

SLOW = {"slice_processing_time": 600, "worker_rampup_time": 1, "target_worker_count": 15}
SPEED = 10
"""A slice of these takes a minute: longer than any of these tests looks at it."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation whose agents send a heartbeat each second; each test leaves it mended."""
    stack = Stack.create(tmp_path_factory.mktemp("s"), settings={"SWF_HEARTBEAT_INTERVAL": 1})
    file = stack.home / "agents.supervisord.conf"
    # A frozen process ends by SIGKILL alone; and one of them stays down when it has died.
    text = file.read_text().replace("stopwaitsecs=15", "stopwaitsecs=3")
    before, program, after = text.partition(f"[program:{FASTMON.program}]")
    after = after.replace("autorestart=true", "autorestart=false", 1)
    file.write_text(before + program + after)
    try:
        stack.start(agents=True)
        yield stack
    finally:
        ended(stack)


@pytest.fixture(autouse=True)
def mended(stack: Stack) -> Iterator[None]:
    """Nothing needs a hand when a test begins."""
    wait_mended(stack)
    yield
    stack.run("start-agents", check=False)


def test_one_that_was_stopped_in_order(stack: Stack) -> None:
    stack.run(f"stop-agents {DATA.program}")

    finding = on_every_surface(
        stack, FindingCode.AGENT_DOWN, Remedy.START_AGENTS, subject=f"program {DATA.program}"
    )
    assert finding.target == {"programs": DATA.program}
    assert finding.fact("ended") == "in order"
    assert finding.fact("effect") == DATA.effect_if_absent

    stack.run(f"start-agents {DATA.program}")
    gone_from_every_surface(stack, FindingCode.AGENT_DOWN, notes=True)


def test_one_that_died_and_stays_down(stack: Stack) -> None:
    stack.kill(FASTMON.program)

    finding = on_every_surface(
        stack, FindingCode.AGENT_DOWN, Remedy.START_AGENTS, subject=f"program {FASTMON.program}"
    )
    assert finding.fact("ended") == "terminated by SIGKILL"

    told = told_by(stack, "start_agents", agents=[FASTMON.program])
    assert not told.refused, told.text
    gone_from_every_surface(stack, FindingCode.AGENT_DOWN, notes=True)


def test_one_that_is_frozen_has_to_be_stopped_first(stack: Stack) -> None:
    name, pid = name_of(stack, DATA), stack.pid(DATA.program)
    with frozen(pid):
        finding = on_every_surface(
            stack, FindingCode.AGENT_FROZEN, Remedy.RESTART_AGENTS, subject=f"agent {name}"
        )
        assert finding.target == {"agent": name, "programs": DATA.program}
        assert finding.fact("pid") == pid
        silent = on_every_surface(
            stack, FindingCode.AGENT_FROZEN, Remedy.RESTART_AGENTS, subject=f"agent {name}"
        )
        assert silent.subject == finding.subject
        told = told_by(stack, "start_agents", agents=[DATA.program])
        assert told.refused
        assert "listening" not in told.text
        assert DATA.program in told.text

        assert not told_by(stack, "stop_agents", agents=[DATA.program]).refused
        assert not told_by(stack, "start_agents", agents=[DATA.program]).refused
        gone_from_every_surface(stack, FindingCode.AGENT_FROZEN, notes=True)
        (lost,) = (one for one in rest(stack) if one.subject.id == name)
        assert (lost.code, lost.severity) == (FindingCode.AGENT_LOST, Severity.NOTE)
        assert lost.fact("replaced_by") == name_of(stack, DATA)


def test_one_of_ones_own_that_falls_silent(stack: Stack) -> None:
    stack.run(f"stop-agents {FASTMON.program}")
    with by_hand(stack, FASTMON) as process:
        wait_until(lambda: urgent(stack) == [])  # it stands in for the program that is down
        (name,) = (a["instance_name"] for a in agents(stack) if a["pid"] == process.pid)
        process.kill()
        process.wait()

        finding = on_every_surface(
            stack, FindingCode.AGENT_SILENT, Remedy.START_AGENTS, subject=f"agent {name}"
        )
        assert finding.target == {"agent": name, "programs": FASTMON.program}
        (told,) = (a for a in agents(stack) if a["instance_name"] == name)
        assert (told["liveness"], told["status"]) == ("silent", "UNKNOWN")

    stack.run(f"start-agents {FASTMON.program}")
    gone_from_every_surface(stack, FindingCode.AGENT_SILENT, FindingCode.AGENT_DOWN, notes=True)


def test_a_worker_that_is_killed_with_slices_in_hand(stack: Stack) -> None:
    name = name_of(stack, WORKER)
    path = f"systemagents/{name}/"

    def in_hand() -> int:
        return int(stack.client().get(path)["metadata"].get("slices_in_hand") or 0)

    with begun(stack, parameters={"stf_count": 1, **SLOW}, speed=SPEED):
        held = wait_until(lambda: in_hand() == 15 and in_hand())
        stack.kill(WORKER.program)
        lost = on_every_surface(
            stack, FindingCode.AGENT_LOST, Remedy.READ_LOG, subject=f"agent {name}"
        )
        died = on_every_surface(
            stack, FindingCode.PROCESS_DIED, Remedy.READ_LOG, subject=f"program {WORKER.program}"
        )
    assert lost.severity is Severity.NOTE
    assert lost.fact("slices_in_hand") == held
    assert lost.fact("replaced_by") == name_of(stack, WORKER)
    assert died.fact("how") == "terminated by SIGKILL"
    assert urgent(stack) == []


def test_a_namespace_without_agents(stack: Stack) -> None:
    with begun(
        stack, namespace="elsewhere", parameters={"stf_count": 1}, speed=0.05
    ) as execution_id:
        finding = on_every_surface(
            stack,
            FindingCode.AGENTS_MISSING,
            Remedy.START_IN_SERVED_NAMESPACE,
            subject=f"execution {execution_id}",
            execution_id=execution_id,
        )
        assert finding.target["served_namespace"] == namespace_of(stack)
        on_every_surface(stack, FindingCode.AGENTS_MISSING, Remedy.START_IN_SERVED_NAMESPACE)
        (told,) = (
            one
            for one in tool(stack, "diagnose_execution", execution_id=execution_id)["findings"]
            if one["code"] == FindingCode.AGENTS_MISSING.value
        )
        assert "start_agents cannot help" in told["next"]
    gone_from_every_surface(stack, FindingCode.AGENTS_MISSING)


def test_no_agent_is_listed_twice_after_a_restart(stack: Stack) -> None:
    stack.run("stop-agents")
    assert all(
        (record["liveness"], record["status"]) == ("exited", "UNKNOWN")
        for record in stack.client().get("systemagents/", agent_type=DATA.agent_type)
        if record["liveness"] != "silent"
    )
    stack.run("start-agents")

    alive = [a for a in agents(stack) if a["liveness"] == "alive"]
    assert sorted(a["agent_type"] for a in alive) == sorted(ROLES)
    names = {a["instance_name"] for a in alive}
    assert {a["instance_name"] for a in agents(stack)} == names
    assert {item["name"] for item in tool(stack, "list_agents")["items"]} == names


def test_all_agents_stopped_with_slices_unfinished(stack: Stack) -> None:
    execution_id = begin(stack, parameters={"stf_count": 2, **SLOW}, speed=SPEED)
    wait_until(lambda: stack.execution(execution_id)["status"] == "completed")
    wait_until(lambda: stack.execution(execution_id)["progress"]["slices_made"] == 30)
    stack.run("stop-agents")

    finding = on_every_surface(
        stack,
        FindingCode.WORK_ABANDONED,
        Remedy.START_AGENTS,
        subject=f"execution {execution_id}",
        execution_id=execution_id,
    )

    assert finding.severity is Severity.ERROR
    assert WORKER.program in str(finding.target["programs"])
    assert finding.fact("worker_unanswered") == 30
    on_every_surface(
        stack,
        FindingCode.WORK_ABANDONED,
        Remedy.START_AGENTS,
        subject=f"execution {execution_id}",
    )
    assert found(stack, FindingCode.WORK_ABANDONED) == rest(stack)[0]
    stack.run("start-agents")
    gone_from_every_surface(stack, FindingCode.WORK_ABANDONED)


def test_a_runner_of_ones_own_that_is_killed(stack: Stack) -> None:
    stack.run(f"stop-agents {RUNNER.program}")
    with by_hand(stack, RUNNER) as process:
        (name,) = (a["instance_name"] for a in agents(stack) if a["pid"] == process.pid)
        wait_until(lambda: urgent(stack) == [])
        running = begin(stack, parameters={"stf_count": 1000}, speed=1)
        wait_until(lambda: stack.execution(running)["status"] == "running")
        process.kill()
        process.wait()

        finding = on_every_surface(
            stack, FindingCode.AGENT_SILENT, Remedy.START_AGENTS, subject=f"agent {name}"
        )
        assert finding.severity is Severity.ERROR
        on_every_surface(
            stack,
            FindingCode.RUNNER_LOST,
            Remedy.START_AGAIN,
            subject=f"execution {running}",
            execution_id=running,
        )
        record = stack.client().get(f"systemagents/{name}/")
        assert (record["liveness"], record["status"]) == ("silent", "UNKNOWN")
        (listed,) = (a for a in agents(stack) if a["instance_name"] == name)
        assert (listed["liveness"], listed["status"]) == ("silent", "UNKNOWN")

        pending = begin(stack, parameters={"stf_count": 1}, speed=0)
        missing = on_every_surface(
            stack,
            FindingCode.RUNNER_MISSING,
            Remedy.START_AGENTS,
            subject=f"execution {pending}",
            execution_id=pending,
        )
        assert missing.severity is Severity.ERROR
        assert missing.target["programs"] == RUNNER.program
        on_every_surface(stack, FindingCode.RUNNER_MISSING, Remedy.START_AGENTS)
        assert mcp(stack)["runners"] == []
        assert name not in stack.execution(pending)["waiting_for"]
        assert not any(
            name in str(one.as_json())
            for one in rest(stack, pending)
            if one.code is FindingCode.RUNNERS_BUSY
        )

    stack.run(f"start-agents {RUNNER.program}")
    wait_until(lambda: stack.execution(pending)["status"] == "completed")
    gone_from_every_surface(
        stack,
        FindingCode.AGENT_SILENT,
        FindingCode.RUNNER_MISSING,
        FindingCode.AGENT_DOWN,
        notes=True,
    )
    # It failed within the hour, and that is told still; a start of the same is another execution.
    assert FindingCode.RUNNER_LOST in [one.code for one in urgent(stack)]
