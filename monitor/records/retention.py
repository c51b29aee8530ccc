"""Deletion of old messages, log records and events that no unfinished execution needs.

Executions, runs, files, samples, slices and workers stay: what was run, with which configuration
and result, is never lost. Neither is who started, stopped or permitted what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet

from monitor.records.models import AppLog, SystemStateEvent, WorkflowExecution, WorkflowMessage

PORTION = 5_000
"""Keys that one DELETE looks at: between two of them ingest can write."""
SHORTEST = timedelta(days=1)
"""Younger rows stay: a message that comes again is recognised by its record."""


class Portion(NamedTuple):
    """The rows that one step deleted."""

    table: str
    rows: int


def old_rows(before: datetime) -> Mapping[str, QuerySet[Any]]:
    """Return rows older than ``before`` by table, except of executions that went on since then."""
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
    """Delete the rows of ``old_rows`` in portions, each committed by itself; yield each portion."""
    for table, rows in old_rows(before).items():
        ends = rows.aggregate(first=Min("id"), last=Max("id"))
        if ends["first"] is None:
            continue
        for start in range(ends["first"], ends["last"] + 1, PORTION):
            deleted, _ = rows.filter(id__gte=start, id__lt=start + PORTION).delete()
            yield Portion(table, deleted)
