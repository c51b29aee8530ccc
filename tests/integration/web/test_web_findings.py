"""What needs a hand, on the dashboard and on the page of an execution."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone

from monitor.executions.agents import AgentsOnHost
from monitor.executions.requesters import Requester
from monitor.records.models import RunState, SystemStateEvent, WorkflowExecution
from monitor.records.transitions import record_event
from monitor.web.finding_list import FindingList
from swf_common_lib.errors import NotFound, Unavailable
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
from tests.integration.web.rows import NO_BROKER, execution, whole_run
from tests.page_findings import ShownFinding, findings_on

REPOSITORY = Path(__file__).parents[3]


def page(browser: Client, path: str = "/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return str(answer.text)


def buttons(text: str) -> dict[str, str]:
    """Return the addresses of the findings' buttons by their labels."""
    part = text.partition('<ul class="findings">')[2]
    forms = re.findall(r'<form method="post" action="([^"]+)">(.*?)</form>', part, re.DOTALL)
    return {form.partition("</button>")[0].rpartition(">")[2]: address for address, form in forms}


def test_each_finding_says_in_attributes_what_it_is(browser: Client, installation: Path) -> None:
    one = execution(1, "failed", end_cause="workflow_raised", error_message="ValueError: no")
    failed = ShownFinding("workflow_raised", f"execution {one.pk}", "mend_workflow")
    away = ShownFinding("broker_away", "service broker", "start_services")
    assert {failed, away} <= set(findings_on(page(browser, f"/executions/{one.pk}/")))
    assert away in findings_on(page(browser))


@pytest.mark.sentences
def test_a_finding_is_told_with_subject_time_figures_and_command(
    browser: Client, installation: Path
) -> None:
    asked = timezone.now() - timedelta(minutes=5)
    one = execution(
        1,
        "running",
        requested_change="stop",
        change_requested_at=asked,
        change_requested_by="maria",
        lease_expires_at=timezone.now() + timedelta(seconds=60),
    )
    text = page(browser)
    entry = text[text.index('data-code="stop_not_honoured"') :].partition("</li>\n")[0]
    assert "maria has asked this execution to stop" in entry
    assert f'<a href="/executions/{one.pk}/">{one.pk}</a>' in entry
    assert f'<time datetime="{asked.isoformat().replace("+00:00", "Z")}"' in entry
    assert re.search(r"waited</span> 5 min 0\d s", entry)
    assert "<code>testbed stop-agents workflow-runner</code>" in entry
    assert '<span class="badge tone-bad">error</span>' in entry


def test_what_somebody_sent_is_text_on_the_page(browser: Client, installation: Path) -> None:
    evil = "<script>alert(1)</script>"
    execution(1, "failed", end_cause="workflow_raised", error_message=evil)
    text = page(browser, "/executions/stf_datataking-shifter-0001/")
    assert "&lt;script&gt;alert(1)" in text
    assert evil not in text


@pytest.mark.django_db
def test_symptoms_stand_below_their_cause_and_notes_apart(installation: Path) -> None:
    def found(
        code: FindingCode, subject: str, severity: Severity, symptom_of: FindingCode | None = None
    ) -> Finding:
        of = Subject(SubjectKind.SERVICE, subject)
        return Finding(code, severity, of, Remedy.WAIT, symptom_of=symptom_of)

    taken, away = FindingCode.PORT_TAKEN, FindingCode.MCP_AWAY
    shown = FindingList.of(
        ranked(
            [
                found(FindingCode.PROCESS_DIED, "web", Severity.NOTE),
                found(away, "mcp", Severity.WARNING, symptom_of=taken),
                found(FindingCode.BROKER_AWAY, "broker", Severity.ERROR, symptom_of=taken),
                found(taken, "broker", Severity.ERROR),
                found(taken, "mcp", Severity.ERROR),
                found(FindingCode.INGEST_BEHIND, "ingest", Severity.WARNING),
            ]
        )
    )
    told = [
        (entry.finding.code, [symptom.finding.code for symptom in entry.symptoms])
        for entry in shown.urgent
    ]
    assert told == [
        (taken, [FindingCode.BROKER_AWAY]),
        (taken, [away]),
        (FindingCode.INGEST_BEHIND, []),
    ]
    assert [entry.finding.code for entry in shown.notes] == [FindingCode.PROCESS_DIED]


def test_the_same_is_started_again_once(browser: Client, installation: Path) -> None:
    values = {"config": "stf_datataking_default", "mode": "paced", "speed": "12.5"}
    browser.post("/executions/start/", {**values, "stf_count": "3", "namespace": "north"})
    first = WorkflowExecution.objects.get()
    WorkflowExecution.objects.update(status="failed", end_cause="runner_lost", runner="runner-1")
    (installation / "testbed.toml").write_text(
        '[testbed]\nnamespace = "torre1"\n[parameters]\nstf_interval = 9.0\n'
    )
    address = buttons(page(browser, f"/executions/{first.pk}/"))["Start again"]
    key = {"key": "0123"}
    answer = browser.post(address, key)
    assert browser.post(address, key)["Location"] == answer["Location"]
    second = WorkflowExecution.objects.exclude(pk=first.pk).get()
    assert answer["Location"] == f"/executions/{second.pk}/"
    assert second.parameter_values == first.parameter_values
    assert (second.namespace, second.options) == ("north", first.options)
    assert (second.executed_by, second.started_through) == ("shifter", "web")
    browser.post(address, {"key": "4567", "namespace": "south"})
    assert WorkflowExecution.objects.filter(namespace="south").exists()


def test_what_cannot_be_started_again_says_why(browser: Client, installation: Path) -> None:
    one = execution(1, "failed", parameter_values={}, end_cause="runner_lost")
    answer = browser.post(f"/executions/{one.pk}/again/")
    assert answer.status_code == 400
    assert "holds no configuration" in answer.text
    assert WorkflowExecution.objects.count() == 1
    assert browser.post("/executions/nobody-0001/again/").status_code == 404


def test_an_execution_is_resumed_from_its_finding(browser: Client, installation: Path) -> None:
    one = execution(1, "paused", lease_expires_at=timezone.now() + timedelta(seconds=60))
    address = buttons(page(browser, f"/executions/{one.pk}/"))["Resume it"]
    assert address == f"/executions/{one.pk}/resume/"


def test_buttons_need_a_session_and_a_token_of_the_form(installation: Path, operator: Any) -> None:
    one = execution(1, "failed", end_cause="runner_lost")
    for path in (f"/executions/{one.pk}/again/", "/agents/start/", "/agents/restart/"):
        assert Client().post(path)["Location"].startswith("/login/")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(operator)
        assert strict.post(path).status_code == 403
        assert strict.get(path).status_code == 405
    assert WorkflowExecution.objects.count() == 1
    assert not SystemStateEvent.objects.exists()


def test_agents_are_started_from_the_page_only_where_they_are(
    browser: Client, installation: Path, settings: Any
) -> None:
    one = execution(1, "terminated", end_cause="never_claimed")
    path = f"/executions/{one.pk}/"
    again = {"Start again": f"{path}again/"}
    assert buttons(page(browser, path)) == again, "no configuration of supervisord is here"
    (installation / "agents.supervisord.conf").touch()
    assert buttons(page(browser, path)) == {"Start workflow-runner": "/agents/start/", **again}
    settings.TESTBED = load_settings(
        home=installation, environ={**NO_BROKER, "SWF_SERVICES": "container"}
    )
    assert buttons(page(browser, path)) == again
    answer = browser.post("/agents/start/", {"programs": "data-agent"})
    assert answer.status_code == 409
    assert "do not run in the containers" in answer.text


def event(kind: str, ago: timedelta, reason: str) -> None:
    SystemStateEvent.objects.create(
        timestamp=timezone.now() - ago,
        event_type=kind,
        actor="maria",
        via="mcp",
        event_data={"reason": reason, "programs": [reason]},
    )


def test_what_becomes_of_a_start_of_agents_is_told(browser: Client, installation: Path) -> None:
    event("agents_start_requested", timedelta(seconds=3), "data-agent")
    assert "Agents are being started: data-agent" in page(browser)
    event("agents_start_failed", timedelta(seconds=1), "data-agent: no broker")
    text = page(browser)
    assert "The start of agents that maria asked for went wrong" in text
    assert "data-agent: no broker" in text
    event("agents_started", timedelta(seconds=0), "data-agent")
    assert "maria asked for" not in page(browser)


def test_an_act_without_an_outcome_is_forgotten(browser: Client, installation: Path) -> None:
    event("agents_stop_requested", timedelta(minutes=3), "data-agent")
    assert "being stopped" not in page(browser)


def test_a_run_in_processing_is_not_nothing(browser: Client, installation: Path) -> None:
    done = whole_run()
    assert "Nothing runs" in page(browser)
    RunState.objects.update(phase="processing", slices_completed=5)
    text = page(browser)
    assert "Nothing runs" not in text
    running = text[text.index('data-key="running"') : text.index('data-key="health"')]
    assert done.execution_id in running
    assert "run processing" in running
    assert re.search(r"6\s*unfinished", running)


@pytest.mark.django_db
def test_evidence_that_the_sentence_does_not_tell_is_listed(installation: Path) -> None:
    note = Finding(
        FindingCode.AGENT_SILENT,
        Severity.WARNING,
        Subject(SubjectKind.AGENT, "data-agent-maria-1"),
        Remedy.READ_LOG,
        evidence=evidence(silent_for=(7384.2, "s"), host="daq02", pid=None),
        target={"agent": "data-agent-maria-1"},
    )
    (entry,) = FindingList.of([note]).urgent
    assert [one.name for one in entry.figures] == ["silent_for", "host"]
    assert entry.links[0].address == "/logs/?instance_name=data-agent-maria-1"


def test_the_person_who_asked_is_the_actor_and_the_runner_carried_it_out(
    browser: Client, installation: Path
) -> None:
    one = execution(1, "terminated", end_cause="stopped")
    record_event(
        one.pk,
        "execution_terminated",
        actor="maria",
        via="mcp",
        reason="enough",
        data={"carried_out_by": "workflow-runner-1"},
    )
    text = page(browser, f"/executions/{one.pk}/")
    row = text[text.index('data-key="timeline"') :].partition("</section>")[0]
    assert re.search(
        r"maria</span>.*through mcp.*carried out by workflow-runner-1<", row, re.DOTALL
    )
    assert row.count("workflow-runner-1") == 1


def test_a_stop_that_could_not_even_begin_is_told(
    browser: Client, installation: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(REPOSITORY / "agents.supervisord.conf", installation)
    hangs = Unavailable("supervisord does not answer")
    monkeypatch.setattr("monitor.executions.agents.running_programs", Mock(side_effect=hangs))
    agents = AgentsOnHost(settings.TESTBED, Requester("maria", "web"))
    with pytest.raises(Unavailable):
        agents.stop(["data-agent"])
    text = page(browser)
    assert "The stop of agents that maria asked for went wrong" in text
    assert "data-agent: supervisord does not answer" in text
    with pytest.raises(NotFound):
        agents.stop(["nobody-agent"])
    assert SystemStateEvent.objects.count() == 1, "a wrong name changes nothing"
