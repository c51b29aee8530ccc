"""Findings about processes, from what was seen of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from orchestrator.listeners import Stranger
from orchestrator.process_rules import (
    RESTARTS,
    ObservedProgram,
    ObservedSupervisord,
    SupervisordAnswer,
    findings_of,
)
from orchestrator.supervisord.log import End, History
from orchestrator.supervisord.process import Process
from swf_common_lib.findings import FindingCode, Remedy, Severity, SubjectKind, ranked

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
SERVICES = ("postgres", "broker", "web", "ingest", "mcp")


def process(name: str, state: str = "RUNNING", ended_at: datetime | None = None) -> Process:
    pid = 0 if state in ("STOPPED", "EXITED", "FATAL", "BACKOFF") else 7
    return Process(name, state, pid, "Exited too quickly", 1.0, Path("x"), ended_at)


def death(minutes_ago: float, *, was_up: bool = True) -> End:
    return End(NOW - timedelta(minutes=minutes_ago), False, "terminated by SIGKILL", was_up)


def services(*changed: ObservedProgram) -> ObservedSupervisord:
    """Return the observed services, all well except those that are given."""
    programs = {name: ObservedProgram(name, process(name)) for name in SERVICES}
    programs.update({program.name: program for program in changed})
    return ObservedSupervisord(True, SupervisordAnswer.GIVEN, tuple(programs.values()))


def found(observed: ObservedSupervisord):
    return ranked(findings_of(observed, NOW))


def test_all_is_well():
    assert found(services()) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("postgres", FindingCode.DATABASE_AWAY),
        ("broker", FindingCode.BROKER_AWAY),
        ("web", FindingCode.MONITOR_AWAY),
        ("ingest", FindingCode.INGEST_AWAY),
        ("mcp", FindingCode.MCP_AWAY),
    ],
)
def test_a_service_that_was_stopped(name, code):
    end = End(NOW - timedelta(minutes=3), True, "exit status 0")
    (finding,) = found(services(ObservedProgram(name, process(name, "STOPPED"), History(end))))

    assert finding.code is code
    assert finding.subject.id == ("database" if name == "postgres" else name)
    assert finding.remedy is Remedy.START_SERVICES
    assert finding.target == {"service": name}
    assert finding.since == end.at
    assert finding.fact("stopped_in_order") is True


def test_a_service_that_died_and_was_not_replaced():
    end = death(3)
    (finding,) = found(
        services(ObservedProgram("web", process("web", "EXITED"), History(end, [end])))
    )

    assert finding.fact("stopped_in_order") is False
    assert finding.fact("how") == "terminated by SIGKILL"


def test_an_end_that_the_log_does_not_have_is_supervisords():
    at = NOW - timedelta(minutes=3)
    (finding,) = found(services(ObservedProgram("web", process("web", "STOPPED", at))))

    assert finding.since == at
    assert finding.fact("stopped_in_order", "unknown") == "unknown"


def test_when_nothing_was_started_the_monitor_comes_first_and_the_rest_below_it():
    observed = ObservedSupervisord(
        True, SupervisordAnswer.NONE, tuple(ObservedProgram(name) for name in SERVICES)
    )

    first, *rest = found(observed)

    assert (first.code, first.severity) == (FindingCode.MONITOR_AWAY, Severity.ERROR)
    assert {one.symptom_of for one in rest} == {FindingCode.MONITOR_AWAY}
    assert len(rest) == len(SERVICES) - 1


def test_agents_that_nobody_started_are_no_trouble():
    assert found(ObservedSupervisord(False, SupervisordAnswer.NONE, ())) == []


@pytest.mark.parametrize(
    ("of_services", "remedy"),
    [(True, Remedy.RESTART_SERVICES), (False, Remedy.RESTART_AGENTS)],
)
def test_processes_without_their_supervisord(of_services, remedy):
    programs = tuple(ObservedProgram(name) for name in SERVICES) if of_services else ()
    orphans = dict(enumerate(SERVICES, 5))
    (finding,) = found(
        ObservedSupervisord(of_services, SupervisordAnswer.NONE, programs, orphans=orphans)
    )

    assert finding.code is FindingCode.SUPERVISORD_AWAY
    assert finding.remedy is remedy
    assert finding.fact("processes") == len(SERVICES)


def test_what_died_after_its_supervisord_is_a_symptom():
    orphans = {5: "broker", 6: "postgres", 7: "ingest", 8: "mcp"}
    programs = tuple(ObservedProgram(name) for name in SERVICES)
    first, second = found(
        ObservedSupervisord(True, SupervisordAnswer.NONE, programs, orphans=orphans)
    )

    assert first.code is FindingCode.SUPERVISORD_AWAY
    assert (second.code, second.symptom_of) == (FindingCode.MONITOR_AWAY, first.code)


def test_a_supervisord_that_lives_and_is_late_is_waited_for():
    programs = tuple(ObservedProgram(name) for name in SERVICES)
    (finding,) = found(
        ObservedSupervisord(
            True, SupervisordAnswer.LATE, programs, daemon_pid=4, orphans={5: "web"}
        )
    )

    assert finding.code is FindingCode.SUPERVISORD_AWAY
    assert finding.remedy is Remedy.WAIT
    assert finding.fact("pid") == 4


def test_a_supervisord_that_is_told_to_end_is_no_trouble():
    programs = tuple(ObservedProgram(name) for name in SERVICES)

    assert found(ObservedSupervisord(True, SupervisordAnswer.ENDING, programs)) == []


def test_a_stranger_on_a_port_is_the_cause_of_restarts():
    history = History(death(0), [death(n, was_up=False) for n in (2, 1, 0)])
    stranger = Stranger(99, "nc")
    program = ObservedProgram(
        "mcp", process("mcp", "BACKOFF"), history, 8001, stranger, "SWF_MCP_PORT"
    )

    taken, restarting, away = found(services(program))

    assert (taken.code, taken.remedy) == (FindingCode.PORT_TAKEN, Remedy.FREE_PORT)
    assert [taken.fact(name) for name in ("port", "pid", "process")] == [8001, 99, "nc"]
    assert taken.target == {"port": 8001, "service": "mcp", "setting": "SWF_MCP_PORT"}
    causes = {one.code: one.symptom_of for one in (restarting, away)}
    assert causes == {
        FindingCode.PROCESS_RESTARTING: FindingCode.PORT_TAKEN,
        FindingCode.MCP_AWAY: FindingCode.PORT_TAKEN,
    }


def test_a_stranger_whom_nobody_may_know_is_told_by_the_port():
    finding = found(services(ObservedProgram("web", process("web"), History(), 8002, Stranger())))[
        0
    ]

    assert finding.code is FindingCode.PORT_TAKEN
    assert [one.name for one in finding.evidence] == ["port"]


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "BACKOFF"])
def test_a_program_that_ends_again_and_again(state):
    deaths = [death(n, was_up=False) for n in (9, 5, 1)]
    program = ObservedProgram("mcp", process("mcp", state), History(None, deaths))
    finding = found(services(program))[0]

    assert finding.code is FindingCode.PROCESS_RESTARTING
    assert finding.severity is Severity.ERROR
    assert finding.since == deaths[0].at
    assert finding.fact("times") == RESTARTS
    assert finding.remedy is Remedy.READ_LOG
    assert finding.target == {"program": "mcp"}


def test_fewer_ends_or_older_ones_are_no_restarts():
    deaths = [death(n) for n in (11, 5, 1)]
    (finding,) = found(services(ObservedProgram("mcp", process("mcp"), History(None, deaths))))

    assert finding.code is FindingCode.PROCESS_DIED
    assert finding.fact("times") == 3


def test_what_supervisord_gave_up():
    deaths = [death(n, was_up=False) for n in (3, 2, 1)]
    program = ObservedProgram("web", process("web", "FATAL"), History(deaths[-1], deaths))
    given_up, away = found(services(program))

    assert given_up.code is FindingCode.PROCESS_GIVEN_UP
    assert (away.code, away.symptom_of) == (FindingCode.MONITOR_AWAY, given_up.code)


def test_a_command_that_cannot_be_run_is_told_with_what_supervisord_says():
    finding = found(services(ObservedProgram("web", process("web", "FATAL"))))[0]

    assert finding.code is FindingCode.PROCESS_GIVEN_UP
    assert finding.fact("said") == "Exited too quickly"


@pytest.mark.parametrize(
    ("of_services", "severity", "kind"),
    [
        (True, Severity.NOTE, SubjectKind.SERVICE),
        (False, Severity.NOTE, SubjectKind.PROGRAM),
    ],
)
def test_what_died_and_was_replaced(of_services, severity, kind):
    last = death(20)
    program = ObservedProgram("x", process("x"), History(None, [death(50), last]))
    (finding,) = found(ObservedSupervisord(of_services, SupervisordAnswer.GIVEN, (program,)))

    assert (finding.code, finding.severity) == (FindingCode.PROCESS_DIED, severity)
    assert (finding.subject.kind, finding.subject.id) == (kind, "x")
    assert finding.fact("times") == 2
    assert finding.fact("how") == "terminated by SIGKILL"
    assert finding.fact("last_at") == last.at.isoformat()


def test_a_death_long_ago_or_a_failed_start_is_not_told_of_what_is_up():
    old = ObservedProgram("web", process("web"), History(None, [death(61)]))
    start = ObservedProgram("mcp", process("mcp"), History(None, [death(1, was_up=False)]))

    assert found(services(old, start)) == []


def test_agents_programs_that_are_down_are_left_to_who_knows_which_are_enabled():
    program = ObservedProgram("data-agent", process("data-agent", "STOPPED"))

    assert found(ObservedSupervisord(False, SupervisordAnswer.GIVEN, (program,))) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("postgres", FindingCode.DATABASE_AWAY),
        ("broker", FindingCode.BROKER_HANGS),
        ("web", FindingCode.MONITOR_AWAY),
        ("ingest", FindingCode.INGEST_AWAY),
        ("mcp", FindingCode.MCP_AWAY),
    ],
)
def test_a_service_that_is_frozen_has_to_be_restarted(name, code):
    (finding,) = found(services(ObservedProgram(name, process(name), frozen=True)))

    assert finding.code is code
    assert finding.remedy is Remedy.RESTART_SERVICES
    assert finding.target == {"service": name}
    assert finding.fact("state") == "frozen"
    assert finding.fact("pid") == process(name).pid


def test_an_agents_frozen_process_is_left_to_who_knows_its_agent():
    program = ObservedProgram("data-agent", process("data-agent"), frozen=True)
    assert found(ObservedSupervisord(False, SupervisordAnswer.GIVEN, (program,))) == []
