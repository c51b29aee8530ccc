"""Whether the monitor can do its work: database, broker and ingest are there.

Everybody may ask, so an answer names neither hosts nor users nor what a server said.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import Error, connection
from django.utils import timezone

from monitor.executions.announcer import announcer
from monitor.ingest.presence import INSTANCE_NAME, SILENCE
from monitor.records.models import SystemAgent

_DATABASE_AWAY = "the database does not answer"


@dataclass(frozen=True)
class Check:
    """What was found of one part."""

    name: str
    problem: str = ""
    """Why it is not ready; empty when it is."""


def readiness() -> list[Check]:
    """Return how each part stands that the monitor needs."""
    database = _database_problem()
    broker = "" if announcer().status().connected else "the broker does not answer"
    ingest = f"unknown: {_DATABASE_AWAY}" if database else _ingest_problem()
    return [Check("database", database), Check("broker", broker), Check("ingest", ingest)]


def _database_problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return _DATABASE_AWAY
    return ""


def _ingest_problem() -> str:
    try:
        row = SystemAgent.objects.filter(instance_name=INSTANCE_NAME).first()
    except Error:
        return f"unknown: {_DATABASE_AWAY}"
    if row is None or row.last_heartbeat is None:
        return "it has never reported"
    if row.operational_state == SystemAgent.OperationalState.EXITED:
        return "it has ended"
    age = timezone.now() - row.last_heartbeat
    if age > SILENCE:
        return f"it has not reported for {age.total_seconds():.0f} s"
    return "" if row.mq_connected else "it receives nothing from the broker"
