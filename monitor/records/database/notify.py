"""Telling other processes at once that executions changed, where the database can.

PostgreSQL passes the word on with the commit of what changed; on SQLite, where nobody can be told,
whoever wants to know looks.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from monitor.records.models import RunState

CHANNEL = "testbed_executions"
"""What to LISTEN to; each word is an execution's id."""


def tell_changed(execution_ids: Iterable[str]) -> None:
    """Tell whoever listens, once the present transaction is committed."""
    changed = sorted({execution_id for execution_id in execution_ids if execution_id})
    if changed and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_notify(%s, id) FROM unnest(%s::text[]) id", [CHANNEL, changed]
            )


def tell_runs_changed(run_numbers: Iterable[int | None]) -> None:
    """Tell of the executions of runs in the same way."""
    if connection.vendor == "postgresql":
        states = RunState.objects.filter(pk__in=[number for number in run_numbers if number])
        tell_changed(states.values_list("execution_id", flat=True))
