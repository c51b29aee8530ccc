"""Notifying other processes at once that executions changed, where the database can.

PostgreSQL sends the notification with the commit of the change. SQLite cannot notify anybody: there
the other processes look regularly.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from monitor.records.models import RunState

CHANNEL = "testbed_executions"
"""The channel to LISTEN to; each payload is an execution's id."""


def notify_changed(execution_ids: Iterable[str]) -> None:
    """Notify the listeners of changed executions, when the present transaction is committed."""
    changed = sorted({execution_id for execution_id in execution_ids if execution_id})
    if changed and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_notify(%s, id) FROM unnest(%s::text[]) id", [CHANNEL, changed]
            )


def notify_runs_changed(run_numbers: Iterable[int | None]) -> None:
    """Notify the listeners of the changed executions of runs, in the same way."""
    if connection.vendor == "postgresql":
        states = RunState.objects.filter(pk__in=[number for number in run_numbers if number])
        notify_changed(states.values_list("execution_id", flat=True))
