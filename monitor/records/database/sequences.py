"""Numbers that are issued once."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from monitor.records.models import Counter

FIRST_RUN_NUMBER = 100_001


def next_run_number() -> int:
    """Issue the next run number."""
    return next_number("run", first=FIRST_RUN_NUMBER)


def next_agent_id() -> int:
    """Issue the next agent number."""
    return next_number("agent")


def next_execution_sequence(workflow_name: str) -> int:
    """Issue the next number for an execution of a workflow."""
    return next_number(f"execution:{workflow_name}")


def next_number(name: str, first: int = 1) -> int:
    """Issue the next number under ``name``; the first ever is ``first``.

    Two callers never get the same one: the UPDATE locks the row until the number was read.
    """
    with transaction.atomic(savepoint=False):
        row = Counter.objects.filter(pk=name)
        if not row.update(value=F("value") + 1):
            Counter.objects.bulk_create(
                [Counter(name=name, value=first - 1)], ignore_conflicts=True
            )
            row.update(value=F("value") + 1)
        number: int = row.values_list("value", flat=True).get()
    return number
