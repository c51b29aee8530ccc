"""Old messages, log records and events go; what was run, and what goes on, stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from monitor.records import retention
from monitor.records.models import (
    AppLog,
    RunState,
    SystemStateEvent,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.transitions import record_event
from swf_common_lib.errors import InvalidRequest

pytestmark = pytest.mark.django_db(transaction=True)

AGES = {"old": timedelta(days=40), "new": timedelta(days=3)}


def say(execution_id: str, age: str, number: int = 0) -> None:
    """Record a message, what came of it, and a log record."""
    when = timezone.now() - AGES[age]
    name = f"{execution_id}-{age}-{number}"
    WorkflowMessage.objects.create(
        message_id=name,
        message_type="start_run",
        execution_id=execution_id,
        destination="/topic/epictopic",
        sent_at=when,
        received_at=when,
        content={},
    )
    SystemStateEvent.objects.create(
        event_id=name,
        execution_id=execution_id,
        event_type="start_run",
        timestamp=when,
        via="message",
    )
    AppLog.objects.create(
        record_id=name,
        app_name="a",
        instance_name="i",
        timestamp=when,
        level=20,
        levelname="INFO",
        message="m",
        execution_id=execution_id,
    )
    SystemStateEvent.objects.filter(event_id=name).update(created_at=when)


@pytest.fixture
def records(new_execution: Callable[..., WorkflowExecution]) -> None:
    """Executions that ended long ago, lately, and not yet; all of them spoke long ago."""

    def ended(age: str) -> datetime:
        return timezone.now() - AGES[age]

    new_execution(1, execution_id="past", status="completed", end_time=ended("old"))
    new_execution(2, execution_id="late", status="failed", end_time=ended("new"))
    new_execution(3, execution_id="runs", status="running")
    for execution_id in ("past", "late", "runs", "", "foreign"):
        for number in range(3):
            say(execution_id, "old", number)
        say(execution_id, "new")
    record_event("past", "execution_running", actor="ann", via="rest")
    SystemStateEvent.objects.update(created_at=timezone.now() - AGES["old"])
    SystemStateEvent.objects.filter(event_id__contains="-new-").update(created_at=ended("new"))
    RunState.objects.create(run_number=1, execution_id="past")


def left() -> list[set[str]]:
    return [
        set(WorkflowMessage.objects.values_list("message_id", flat=True)),
        set(AppLog.objects.values_list("record_id", flat=True)),
        set(SystemStateEvent.objects.filter(via="message").values_list("event_id", flat=True)),
    ]


@pytest.mark.usefixtures("records")
def test_what_is_old_and_over_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(retention, "PORTION", 2)
    before = left()
    call_command("prune", "--older-than", "30d", "--dry-run")
    assert capsys.readouterr().out == "would delete 9 messages, 9 log records, 9 events\n"
    assert left() == before

    call_command("prune", "--older-than", "30d")
    assert "deleted 9 messages, 9 log records, 9 events from before" in capsys.readouterr().out
    over = {f"{name}-old-{number}" for name in ("past", "", "foreign") for number in range(3)}
    assert left() == [names - over for names in before]
    assert WorkflowExecution.objects.count() == 3
    assert RunState.objects.count() == 1
    history = SystemStateEvent.objects.exclude(via="message").order_by("id")
    assert [event.event_type for event in history] == ["execution_running", "records_pruned"]

    call_command("prune", "--older-than", "30d")
    assert "deleted 0 messages" in capsys.readouterr().out


@pytest.mark.parametrize("age", ["", "30", "-3d", "1h", "0d", "all", "99999w"])
def test_ages_that_cannot_be_meant(age: str) -> None:
    say("", "old")
    with pytest.raises(InvalidRequest, match=f"--older-than {age}: expected an age"):
        call_command("prune", f"--older-than={age}")
    assert WorkflowMessage.objects.count() == 1
