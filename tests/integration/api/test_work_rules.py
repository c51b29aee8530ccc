"""When agents are accused of what has no answer, and when not: rules by value."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from monitor.diagnosis.execution_look import ExecutionLook, look_at
from monitor.diagnosis.runs import run_findings
from monitor.diagnosis.work import with_last_asked, work_findings
from monitor.health.liveness import agents_seen
from monitor.health.look import Look
from monitor.records.models import (
    Run,
    RunState,
    StfFile,
    SystemAgent,
    WorkflowExecution,
    WorkflowMessage,
)
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
)
from tests.integration.web import rows

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
DATA = "data-agent-1"


def look(*codes: FindingCode) -> Look:
    """A look that found these of services."""
    now = timezone.now()
    service = Subject(SubjectKind.SERVICE, "ingest")
    found = [Finding(code, Severity.ERROR, service, Remedy.WAIT) for code in codes]
    return Look(now=now, agents=agents_seen(now), parts={}, findings=found)


def unregistered(asked: datetime) -> None:
    """Five STFs were announced, the last at that time, and none is registered."""
    execution = rows.execution(1, "completed", run_number=rows.RUN)
    RunState.objects.create(
        run_number=rows.RUN,
        execution_id=execution.execution_id,
        phase="processing",
        stf_files_generated=5,
    )
    rows.message(execution.execution_id)
    WorkflowMessage.objects.update(sent_at=asked, received_at=asked)


def began(name: str, since: datetime, **fields: Any) -> None:
    rows.agent(name, agent_type="data", **fields)
    SystemAgent.objects.filter(instance_name=name).update(first_seen=since)


def seen() -> ExecutionLook:
    """Return the look at the one execution."""
    (one,) = with_last_asked(look_at(WorkflowExecution.objects.all()))
    return one


def of_data(at: Look) -> list[FindingCode]:
    """Return what is said of the data agent's step; the other roles are not up here."""
    told = [one.code for one in work_findings(seen(), at)]
    return [code for code in told if code is not FindingCode.WORK_ABANDONED]


def test_an_agent_that_lives_and_does_not_answer() -> None:
    now = timezone.now()
    unregistered(now - MINUTE)
    began(DATA, now - 5 * MINUTE)
    assert of_data(look()) == [FindingCode.STFS_UNREGISTERED]


def test_an_agent_that_answers_another_execution_first() -> None:
    now = timezone.now()
    unregistered(now - MINUTE)
    began(DATA, now - 5 * MINUTE)
    rows.message("another-0001", sender_agent=DATA, sent_at=now, received_at=now)
    assert of_data(look()) == []


@pytest.mark.parametrize("code", [FindingCode.INGEST_AWAY, FindingCode.INGEST_BEHIND])
def test_what_is_not_recorded_accuses_nobody(code: FindingCode) -> None:
    now = timezone.now()
    unregistered(now - MINUTE)
    began(DATA, now - 5 * MINUTE)
    assert of_data(look(code)) == []


def test_an_agent_whose_predecessor_said_good_bye_is_late() -> None:
    """Whoever says good-bye ends its subscription, also that of one that was killed before it."""
    now = timezone.now()
    unregistered(now - 5 * MINUTE)
    began("data-agent-0", now - 30 * MINUTE, last_heartbeat=now - 20 * MINUTE)
    left = {"operational_state": "EXITED", "last_heartbeat": now - 6 * MINUTE}
    began("data-agent-1", now - 15 * MINUTE, **left)
    began("data-agent-2", now - MINUTE)
    assert of_data(look()) == [FindingCode.AGENTS_LATE]


def test_an_agent_whose_predecessor_was_killed_is_not_late() -> None:
    """What the broker kept for the killed one is on its way to it."""
    now = timezone.now()
    unregistered(now - 5 * MINUTE)
    began("data-agent-1", now - 15 * MINUTE, last_heartbeat=now - 6 * MINUTE)
    began("data-agent-2", now - MINUTE)
    assert of_data(look()) == [FindingCode.STFS_UNREGISTERED]


@pytest.mark.parametrize(
    ("reported", "ended_ago", "found"),
    [(10, 1, False), (0, 1, True), (None, 1, False), (None, 120, True)],
)
def test_stfs_that_may_not_be_recorded_yet(
    reported: int | None, ended_ago: int, found: bool
) -> None:
    metrics = {} if reported is None else {"stf_files": reported}
    ended = timezone.now() - timedelta(seconds=ended_ago)
    rows.execution(1, "completed", performance_metrics=metrics, end_time=ended)
    told = [one.code for one in run_findings(seen(), look())]
    assert told == [FindingCode.STFS_MISSING] * found


@pytest.mark.parametrize(("numbers", "missing"), [((1, 2, 3), 0), ((1, 5), 3), ((7,), 0)])
def test_gaps_in_the_numbers_of_stfs(numbers: tuple[int, ...], missing: int) -> None:
    execution = rows.execution(1, "running", run_number=rows.RUN)
    RunState.objects.create(
        run_number=rows.RUN,
        execution_id=execution.execution_id,
        stf_files_registered=len(numbers),
    )
    run = Run.objects.create(run_number=rows.RUN, start_time=timezone.now())
    for number in numbers:
        name = f"swf.{rows.RUN}.{number:06d}.stf"
        StfFile.objects.create(run=run, stf_filename=name, sequence=number, machine_state="physics")
    told = {one.code: one for one in run_findings(seen(), look())}
    assert (FindingCode.STF_GAP in told) is bool(missing)
    if missing:
        assert told[FindingCode.STF_GAP].fact("missing") == missing
