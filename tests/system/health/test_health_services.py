"""Trouble with services and their processes, made for real, as every surface tells it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.services import services_of
from swf_common_lib.findings import FindingCode, Remedy, Severity
from swf_common_lib.roles import DATA, ROLES
from tests.stack import Stack
from tests.strangers import stranger_listening
from tests.system.conftest import ended
from tests.system.health.surfaces import (
    SURFACES,
    Shown,
    by_mcp,
    by_terminal,
    first_answers,
    found,
    gone_from_every_surface,
    mcp,
    on_every_surface,
    tool,
)
from tests.system.health.troubles import agents, frozen, kill_supervisord, wait_mended
from tests.system.ways import tool as told_by
from tests.waiting import wait_until

pytestmark = pytest.mark.system

BROKEN = "broken-agent"
NOTHING: dict[str, list[Shown]] = {name: [] for name in SURFACES}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation; each test leaves it mended."""
    stack = Stack.create(tmp_path_factory.mktemp("s"))
    add_broken_agent(stack)
    try:
        stack.start()
        yield stack
    finally:
        ended(stack)


@pytest.fixture(autouse=True)
def mended(stack: Stack) -> Iterator[None]:
    """Nothing needs a hand when a test begins."""
    wait_mended(stack)
    yield
    stack.run("start-local")


def add_broken_agent(stack: Stack) -> None:
    """Add a program that ends at once, until ``mend_agent``, to the agents'; it is not started."""
    script = stack.home / f"{BROKEN}.py"
    script.write_text("raise SystemExit(1)\n")
    file = stack.home / "agents.supervisord.conf"
    text = file.read_text()
    begin = text.index(f"[program:{DATA.program}]")
    program = text[begin : text.index("[program:", begin + 1)]
    program = program.replace(DATA.script, script.name).replace(DATA.program, BROKEN)
    file.write_text(f"{text}\n{program.replace('startretries=5', 'startretries=1')}")


def mend_agent(stack: Stack) -> None:
    """Let the program live."""
    (stack.home / f"{BROKEN}.py").write_text("import signal\nsignal.pause()\n")


def told(stack: Stack) -> dict[str, list[Shown]]:
    """Return all that is told, by surface."""
    return {name: ask(stack) for name, ask in SURFACES.items()}


def told_outside(stack: Stack) -> list[list[Shown]]:
    """Return what is told while the monitor is away, by who can tell it."""
    return [by_mcp(stack), by_terminal(stack)]


def test_an_idle_testbed_has_nothing_to_tell(stack: Stack) -> None:
    assert told(stack) == NOTHING

    stack.run("start-agents")
    wait_until(lambda: {one["agent_type"] for one in agents(stack)} == set(ROLES))
    assert told(stack) == NOTHING
    assert "all is well" in mcp(stack)["text"]


def test_the_broker_away(stack: Stack) -> None:
    stack.services.stop("broker")

    finding = on_every_surface(
        stack, FindingCode.BROKER_AWAY, Remedy.START_SERVICES, subject="service broker"
    )
    assert finding.severity is Severity.ERROR
    assert finding.fact("stopped_in_order") is True
    assert list(first_answers(stack, finding)) == []
    status = mcp(stack)
    assert status.get("queues") is None
    assert status["queues_unknown"]
    started = told_by(stack, "start_agents")
    assert started.refused
    assert "listening" not in started.text

    stack.run("start-local")
    gone_from_every_surface(stack, FindingCode.BROKER_AWAY, FindingCode.INGEST_AWAY, notes=True)
    wait_until(lambda: mcp(stack).get("queues") is not None)


@pytest.mark.parametrize(
    ("service", "code", "without"),
    [
        ("broker", FindingCode.BROKER_HANGS, ()),
        ("ingest", FindingCode.INGEST_AWAY, ()),
        ("mcp", FindingCode.MCP_AWAY, ("MCP",)),
    ],
)
def test_a_service_that_is_frozen(
    stack: Stack, service: str, code: FindingCode, without: tuple[str, ...]
) -> None:
    with frozen(stack.pid(service)):
        finding = on_every_surface(
            stack, code, Remedy.RESTART_SERVICES, subject=f"service {service}", without=without
        )
        assert finding.target == {"service": service}
    gone_from_every_surface(stack, code, notes=True)


@pytest.mark.parametrize(
    ("service", "code", "without"),
    [("ingest", FindingCode.INGEST_AWAY, ()), ("mcp", FindingCode.MCP_AWAY, ("MCP",))],
)
def test_a_service_that_was_stopped(
    stack: Stack, service: str, code: FindingCode, without: tuple[str, ...]
) -> None:
    stack.services.stop(service)

    finding = on_every_surface(
        stack, code, Remedy.START_SERVICES, subject=f"service {service}", without=without
    )
    assert finding.fact("stopped_in_order") is True

    stack.run("start-local")
    gone_from_every_surface(stack, code, notes=True)


def test_the_monitor_away_and_frozen(stack: Stack) -> None:
    stack.services.stop("web")
    away = Shown("monitor_away", "service web", Remedy.START_SERVICES.value)
    assert [findings[0] for findings in told_outside(stack)] == [away, away]
    stack.run("start-local")
    wait_mended(stack)

    with frozen(stack.pid("web")):
        hangs = Shown("monitor_away", "service web", Remedy.RESTART_SERVICES.value)
        assert [findings[0] for findings in told_outside(stack)] == [hangs, hangs]
        quiet = Shown("sweeper_quiet", "service web", Remedy.RESTART_SERVICES.value)
        wait_until(lambda: quiet in by_mcp(stack), message="the sweeper is not missed")
        (told_of,) = (one for one in mcp(stack)["findings"] if one["code"] == quiet.code)
        assert told_of["symptom_of"] == "monitor_away"
    gone_from_every_surface(stack, FindingCode.MONITOR_AWAY, FindingCode.SWEEPER_QUIET, notes=True)


def test_a_service_that_was_killed_is_a_note(stack: Stack) -> None:
    killed = stack.kill("ingest")
    wait_until(lambda: stack.pid("ingest") not in (0, killed))

    died = on_every_surface(
        stack, FindingCode.PROCESS_DIED, Remedy.READ_LOG, subject="service ingest"
    )

    assert died.severity is Severity.NOTE
    assert died.fact("how") == "terminated by SIGKILL"
    assert died.since is not None
    wait_mended(stack)
    assert mcp(stack)["healthy"] is True


def test_a_strangers_program_on_a_port_of_ours(stack: Stack) -> None:
    port = stack.settings.swf_mcp_port
    stack.services.stop("mcp")
    with stranger_listening(port) as pid:
        stack.services.start("mcp")
        taken = on_every_surface(
            stack,
            FindingCode.PORT_TAKEN,
            Remedy.FREE_PORT,
            subject="service mcp",
            without=("MCP",),
        )
        assert (taken.fact("port"), taken.fact("pid")) == (port, pid)
        restarting = on_every_surface(
            stack,
            FindingCode.PROCESS_RESTARTING,
            Remedy.READ_LOG,
            subject="service mcp",
            without=("MCP",),
        )
        assert restarting.symptom_of is FindingCode.PORT_TAKEN
        assert found(stack, FindingCode.PORT_TAKEN).severity is Severity.ERROR
    stack.services.stop("mcp")
    stack.run("start-local")
    gone_from_every_surface(
        stack, FindingCode.PORT_TAKEN, FindingCode.PROCESS_RESTARTING, FindingCode.MCP_AWAY
    )


def test_a_program_that_does_not_stay_up(stack: Stack) -> None:
    stack.agents.start(BROKEN)
    on_every_surface(
        stack, FindingCode.PROCESS_GIVEN_UP, Remedy.READ_LOG, subject=f"program {BROKEN}"
    )

    mend_agent(stack)
    stack.agents.start(BROKEN)
    gone_from_every_surface(stack, FindingCode.PROCESS_GIVEN_UP, notes=True)
    stack.agents.stop(BROKEN)


def test_supervisords_that_were_killed(stack: Stack) -> None:
    kill_supervisord(stack.services)
    kill_supervisord(stack.agents)

    services = on_every_surface(
        stack, FindingCode.SUPERVISORD_AWAY, Remedy.RESTART_SERVICES, subject="service services"
    )
    assert services.fact("programs") == ", ".join(
        sorted(one.name for one in services_of(stack.settings))
    )
    on_every_surface(
        stack, FindingCode.SUPERVISORD_AWAY, Remedy.RESTART_AGENTS, subject="service agents"
    )
    assert tool(stack, "get_system_status")["healthy"] is False

    stack.run("start-local")
    stack.run("start-agents")
    gone_from_every_surface(stack, FindingCode.SUPERVISORD_AWAY, notes=True)
