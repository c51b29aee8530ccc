"""Messages that could not be understood."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import QuerySet

from monitor.diagnosis.course import execution
from monitor.diagnosis.execution_look import ExecutionLook
from monitor.records.models import WorkflowMessage
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)
from swf_common_lib.text import short

RECENT = timedelta(hours=1)
MOST = 1000
"""Messages that are counted; there are more only where a sender went wild."""


def misunderstood(seen: ExecutionLook) -> Iterator[Finding]:
    """Yield messages of an execution that could not be understood."""
    yield from _found(_faulty().filter(execution_id=seen.id), execution(seen))


def misunderstood_lately(now: datetime) -> Iterator[Finding]:
    """Yield messages of the last hour that could not be understood, whosever they are."""
    recent = _faulty().filter(received_at__gte=now - RECENT)
    yield from _found(recent, Subject(SubjectKind.SERVICE, "ingest"))


def _faulty() -> QuerySet[WorkflowMessage]:
    """Return messages that could not be understood, by an index that holds no others."""
    rows: QuerySet[WorkflowMessage] = WorkflowMessage.objects.exclude(problem="").order_by("-id")
    return rows


def _found(rows: QuerySet[WorkflowMessage], subject: Subject) -> Iterator[Finding]:
    newest = list(rows.only("message_type", "sender_agent", "problem", "received_at")[:MOST])
    if not newest:
        return
    first = newest[-1]
    yield Finding(
        FindingCode.MESSAGES_NOT_UNDERSTOOD,
        Severity.WARNING,
        subject,
        Remedy.SHOW_MESSAGE,
        since=first.received_at,
        evidence=evidence(
            count=(len(newest), "messages"),
            first_type=first.message_type,
            first_sender=first.sender_agent,
            problem=short(first.problem, 300),
        ),
        target={"message": first.pk},
    )
