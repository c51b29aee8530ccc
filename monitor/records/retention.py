"""Old messages, log records and events: what nothing that goes on needs may be deleted.

Executions, runs, files, samples, slices and workers stay: what was run, with which configuration
and result, is known for good. So does who started, stopped or permitted what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet

from monitor.records.models import AppLog, SystemStateEvent, WorkflowExecution, WorkflowMessage

PORTION = 5_000
"""Keys that one DELETE looks at: ingest gets its turn between two."""
SHORTEST = timedelta(days=1)
"""What is younger stays: a message that comes again is known by its record."""


class Portion(NamedTuple):
    """What one step deleted."""

    table: str
    rows: int


def old_rows(before: datetime) -> Mapping[str, QuerySet[Any]]:
    """Give what is older than ``before`` and of no execution that went on since, by table."""
    ended_since = Q(end_time__gte=before) | Q(end_time=None)
    kept = WorkflowExecution.objects.filter(ended_since, execution_id=OuterRef("execution_id"))
    of_none_kept = ~Exists(kept)
    return {
        "messages": WorkflowMessage.objects.filter(of_none_kept, received_at__lt=before),
        "log records": AppLog.objects.filter(of_none_kept, timestamp__lt=before),
        "events": SystemStateEvent.objects.filter(
            of_none_kept, created_at__lt=before, via="message"
        ),
    }


def delete_old(before: datetime) -> Iterator[Portion]:
    """Delete what ``old_rows`` gives, portion by portion, each committed by itself."""
    for table, rows in old_rows(before).items():
        ends = rows.aggregate(first=Min("id"), last=Max("id"))
        if ends["first"] is None:
            continue
        for start in range(ends["first"], ends["last"] + 1, PORTION):
            deleted, _ = rows.filter(id__gte=start, id__lt=start + PORTION).delete()
            yield Portion(table, deleted)
