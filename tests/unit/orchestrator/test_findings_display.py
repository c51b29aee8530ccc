"""Findings at the terminal: their order, the tables above them, and the doctor's checks."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cli.context import Context
from orchestrator.cli.doctor import merged
from orchestrator.cli.finding_texts import advice, sentence
from orchestrator.cli.findings_display import (
    LOOKED_AT,
    arranged,
    findings_without_monitor,
    needs_a_hand,
    print_findings,
)
from orchestrator.cli.status import _follow_findings
from orchestrator.cli.status_tables import state_of_agent
from orchestrator.doctor.check_result import SameTrouble, ok, warning
from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
    ranked,
)
from swf_common_lib.settings import load_settings

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)


def finding(
    code: FindingCode,
    severity: Severity = Severity.ERROR,
    kind: SubjectKind = SubjectKind.SERVICE,
    subject: str = "mcp",
    remedy: Remedy = Remedy.READ_LOG,
    **more: Any,
) -> Finding:
    return Finding(code, severity, Subject(kind, subject), remedy, **more)


TAKEN = finding(FindingCode.PORT_TAKEN, remedy=Remedy.FREE_PORT)
RESTARTING = finding(FindingCode.PROCESS_RESTARTING, symptom_of=FindingCode.PORT_TAKEN)
AWAY = finding(FindingCode.MCP_AWAY, Severity.WARNING, symptom_of=FindingCode.PROCESS_RESTARTING)
DIED = finding(FindingCode.PROCESS_DIED, Severity.NOTE, subject="ingest")
FAILED = finding(
    FindingCode.EXECUTION_FAILED, Severity.WARNING, SubjectKind.EXECUTION, "x-ann-0001"
)


def test_a_symptom_follows_its_cause_a_step_deeper_and_notes_come_last() -> None:
    order = arranged(ranked([DIED, AWAY, FAILED, RESTARTING, TAKEN]))

    assert order == [(0, TAKEN), (1, RESTARTING), (2, AWAY), (0, FAILED), (0, DIED)]


def test_causes_in_a_circle_lose_nobody() -> None:
    first = finding(FindingCode.PORT_TAKEN, symptom_of=FindingCode.MCP_AWAY)
    second = finding(FindingCode.MCP_AWAY, symptom_of=FindingCode.PORT_TAKEN)
    itself = finding(FindingCode.BROKER_AWAY, symptom_of=FindingCode.BROKER_AWAY)

    assert {one.code for _depth, one in arranged([first, second, itself])} == {
        FindingCode.PORT_TAKEN,
        FindingCode.MCP_AWAY,
        FindingCode.BROKER_AWAY,
    }


def printed(findings: list[Finding]) -> list[str]:
    out = Console(file=io.StringIO(), width=300, soft_wrap=True, highlight=False)
    context = Context(load_settings(None, {}), out=out)
    print_findings(context, findings, "2026-11-30T12:00:00Z")
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()[1:]


def test_each_finding_is_printed_with_what_to_do() -> None:
    title, *lines = printed([TAKEN, RESTARTING, DIED])

    assert f"{NOW.astimezone():%Y-%m-%d %H:%M:%S}" in title
    assert [line.strip() for line in lines] == [
        f"error    {sentence(TAKEN)}",
        f"→ {advice(TAKEN)}",
        f"error    {sentence(RESTARTING)}",
        f"→ {advice(RESTARTING)}",
        f"note     {sentence(DIED)}",
        f"→ {advice(DIED)}",
    ]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    assert indents == [0, 9, 2, 11, 0, 9]


def test_all_is_well_says_what_was_looked_at() -> None:
    (line,) = printed([])

    assert LOOKED_AT in line


def test_notes_need_no_hand() -> None:
    assert not needs_a_hand([DIED])
    assert needs_a_hand([DIED, FAILED])


def test_without_the_monitor_its_absence_is_told_once(tmp_path) -> None:
    settings = load_settings(tmp_path, {"SWF_SERVICES": "elsewhere"})
    (tmp_path / "agents.supervisord.conf").write_text("[supervisord\n")

    found = findings_without_monitor(settings, MonitorUnavailable("no answer from there"))

    codes = [one.code for one in found]
    assert sorted(codes) == [FindingCode.CONFIGURATION_BROKEN, FindingCode.MONITOR_AWAY]
    away = found[codes.index(FindingCode.MONITOR_AWAY)]
    assert away.fact("address") == settings.swf_monitor_url
    assert away.fact("error") == "no answer from there"


def test_a_services_state_follows_what_was_found_of_it() -> None:
    ok_ = {"status": "ok"}
    services: dict[str, dict[str, Any]] = {
        "postgres": {"process": "RUNNING"},
        "ingest": {"process": "RUNNING", **ok_},
        "mcp": {"process": "RUNNING", **ok_},
        "database": {**ok_},
    }
    _follow_findings(services, [AWAY, TAKEN, DIED])

    assert {name: told["status"] for name, told in services.items()} == {
        "postgres": "ok",
        "ingest": "ok",
        "mcp": "error",
        "database": "ok",
    }


def test_no_service_is_well_without_its_supervisord() -> None:
    services: dict[str, dict[str, Any]] = {
        "web": {"process": "ORPHANED", "status": "ok"},
        "ingest": {"process": "STOPPED"},
    }
    killed = finding(FindingCode.SUPERVISORD_AWAY, Severity.WARNING, subject="services")

    _follow_findings(services, [killed, finding(FindingCode.INGEST_AWAY, subject="ingest")])

    assert [told["status"] for told in services.values()] == ["warning", "error"]


@pytest.mark.parametrize(
    ("agent", "frozen", "state"),
    [
        ({"liveness": "alive", "operational_state": "READY"}, False, "READY"),
        ({"liveness": "late", "operational_state": "PROCESSING"}, False, "late"),
        ({"liveness": "silent", "operational_state": "PROCESSING"}, False, "silent"),
        ({"liveness": "alive", "operational_state": "PROCESSING"}, True, "frozen"),
        ({"program": "data-agent", "process": "STARTING"}, False, "STARTING"),
    ],
)
def test_an_agent_that_is_not_alive_has_no_word_on_its_state(agent, frozen, state) -> None:
    assert state_of_agent(agent, frozen=frozen) == state


RESTARTS = SameTrouble((FindingCode.PORT_TAKEN, FindingCode.PROCESS_RESTARTING), "mcp")


def test_what_check_and_finding_met_is_told_once_as_the_finding_says_it() -> None:
    checks = [
        ok("python", "3.11"),
        warning("supervisord (services)", "mcp: BACKOFF", "start it", RESTARTS),
        warning("port 8001", "a stranger has it", "end it", RESTARTS),
    ]

    results, left = merged(checks, [TAKEN, RESTARTING, FAILED], here=True)

    assert [result.what for result in results] == ["python", "supervisord (services)"]
    told = results[1]
    assert told.status == "error"
    assert told.detail == f"{sentence(TAKEN)}; {sentence(RESTARTING)}"
    assert told.remedy == advice(TAKEN)
    assert left == [FAILED]


@pytest.mark.parametrize(
    ("findings", "here"),
    [
        ([TAKEN], False),  # of another host
        ([finding(FindingCode.PORT_TAKEN, subject="web")], True),
        ([FAILED], True),
    ],
)
def test_a_check_keeps_its_words_where_no_finding_is_the_same(findings, here) -> None:
    checks = [warning("port 8001", "a stranger has it", "end it", RESTARTS)]

    assert merged(checks, findings, here) == (checks, findings)


@pytest.mark.sentences
def test_commands_take_names_as_people_type_them() -> None:
    lost = finding(
        FindingCode.AGENT_SILENT,
        remedy=Remedy.RESTART_AGENTS,
        target={"agent": "data-agent-ann-1", "programs": "data-agent, fast-processing-worker"},
    )
    assert "`testbed stop-agents data-agent fast-processing-worker`" in advice(lost)
    log = finding(FindingCode.AGENT_LOST, target={"agent": "workflow_runner-agent-ann-3"})
    assert "`testbed logs workflow-runner " in advice(log)
    more = finding(
        FindingCode.WORKERS_TOO_FEW,
        remedy=Remedy.MORE_WORKERS,
        evidence=evidence(workers=(2, "workers")),
        target={"workers": 205, "workflow": "stf_datataking"},
    )
    assert "`testbed run-workflow stf_datataking --worker-count 205`" in advice(more)


def test_a_monitor_that_says_that_its_database_is_away_is_not_away_itself(tmp_path) -> None:
    settings = load_settings(tmp_path, {"SWF_SERVICES": "elsewhere"})
    error = MonitorUnavailable("it answers 503", target={"service": "database"})

    (found,) = findings_without_monitor(settings, error)

    assert (found.code, found.subject.id) == (FindingCode.DATABASE_AWAY, "database")
    assert found.fact("error") == "it answers 503"
