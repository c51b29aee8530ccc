"""What a look at the whole asks of the database: as much for one execution as for many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitor.diagnosis.system import JUDGED, system_findings
from monitor.health.liveness import agents_seen
from monitor.health.look import Look
from monitor.records.models import (
    FastMonFile,
    Run,
    RunState,
    StfFile,
    SystemAgent,
    TFSlice,
    WorkflowMessage,
)
from swf_common_lib.findings import FindingCode
from tests.integration.web import rows

pytestmark = pytest.mark.django_db

NAME = "stf_datataking-shifter-0001"
MANY = 40
LONG_AGO = timedelta(minutes=10)
EVERYTHING = {
    FindingCode.AGENTS_LATE,
    FindingCode.STF_GAP,
    FindingCode.SLICES_FAILED,
    FindingCode.STF_CADENCE_STOPPED,
    FindingCode.WORK_UNANSWERED,
}
"""What is found of each of the executions here."""


def in_trouble(number: int) -> None:
    """An execution with all that a rule could ask more about."""
    execution = rows.execution(number, "running", run_number=number, options={"speed": 1.0})
    now = timezone.now()
    RunState.objects.create(
        run_number=number,
        execution_id=execution.execution_id,
        phase="physics",
        state_changed_at=now - LONG_AGO,
        stf_files_generated=9,
        stf_files_registered=2,
        stf_samples_received=1,
        slices_created=3,
        slices_failed=3,
    )
    run = Run.objects.create(run_number=number, start_time=now, execution_id=execution.execution_id)
    for sequence in (1, 9):
        file = StfFile.objects.create(
            run=run,
            stf_filename=f"swf.{number}.{sequence:06d}.stf",
            sequence=sequence,
            machine_state="physics",
        )
        FastMonFile.objects.create(
            stf_file=file, tf_filename=f"{number}.{sequence}.tf", tf_first=0, tf_last=9, tf_count=10
        )
    TFSlice.objects.create(
        run_number=number,
        tf_filename=f"{number}.1.tf",
        slice_id=0,
        tf_first=0,
        tf_last=9,
        tf_count=10,
        status="failed",
        error="out of memory",
    )
    rows.message(execution.execution_id)
    WorkflowMessage.objects.update(sent_at=now - LONG_AGO, received_at=now - LONG_AGO)


def team() -> None:
    """Agents that live, and began when all had been broadcast."""
    rows.agent("runner-1", agent_type="workflow_runner")
    for kind in ("data", "fastmon", "fast_processing", "worker"):
        rows.agent(f"{kind}-agent-1", agent_type=kind)
    SystemAgent.objects.update(first_seen=timezone.now() - timedelta(minutes=1))


def look() -> Look:
    now = timezone.now()
    return Look(now=now, agents=agents_seen(now), parts={})


def statements(of: Look) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        system_findings(of)
    return [one["sql"] for one in asked.captured_queries]


def test_as_many_questions_for_one_execution_as_for_forty() -> None:
    team()
    in_trouble(1)
    found = {one.code for one in system_findings(look()) if one.subject.id in ("1", NAME)}
    assert found == EVERYTHING
    once = statements(look())

    for number in range(2, MANY + 1):
        in_trouble(number)

    assert len(system_findings(look())) >= MANY * len(EVERYTHING)
    assert len(statements(look())) == len(once)


def test_slices_are_read_one_at_a_time_and_samples_only_where_slices_lack() -> None:
    """So that half a million of them cost nothing more."""
    team()
    in_trouble(1)
    RunState.objects.update(slices_created=30, stf_samples_received=2, target_worker_count=30)

    asked = statements(look())

    slices = [sql for sql in asked if "tfslice" in sql.lower()]
    assert len(slices) == 1
    assert "LIMIT 1" in slices[0]
    assert not [sql for sql in asked if "fastmonfile" in sql.lower()]
    assert not [sql for sql in asked if "COUNT(" in sql and "stffile" in sql.lower()]


def backlog(number: int, **counts: Any) -> None:
    """An execution whose workers are too few for its slices, as far as its counts tell."""
    execution = rows.execution(number, "completed", run_number=number)
    values = {"phase": "processing", "slices_created": 3000, "target_worker_count": 2, **counts}
    RunState.objects.create(run_number=number, execution_id=execution.execution_id, **values)


def test_workers_are_judged_for_a_few_executions_alone() -> None:
    """All slices of a run are read for that."""
    for number in range(1, JUDGED + 1):
        backlog(number)
    few = statements(look())
    for number in range(JUDGED + 1, MANY + 1):
        backlog(number)

    assert len(statements(look())) == len(few)


def test_slices_are_not_read_where_the_workers_are_enough_or_the_run_is_over() -> None:
    backlog(1, phase="completed")
    backlog(2, slices_created=20)

    assert not [sql for sql in statements(look()) if "tfslice" in sql.lower()]
