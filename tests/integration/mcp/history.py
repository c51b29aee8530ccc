"""The history of who did what, and a database that refuses to keep it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from django.db import connection

from mcp_server.application import Application
from monitor.records.models import SystemStateEvent

_TABLE = SystemStateEvent._meta.db_table
_AWAY = "put_away"


def trail() -> list[tuple[str, str]]:
    """Return what happened, with its reason, in order."""
    events = SystemStateEvent.objects.order_by("id")
    return [(event.event_type, event.event_data["reason"]) for event in events]


def put_away() -> None:
    """Make the database refuse every row of history, as if it were down."""
    _rename(_TABLE, _AWAY)


def put_back() -> None:
    """Make the database accept rows again."""
    _rename(_AWAY, _TABLE)


@asynccontextmanager
async def unwritable(application: Application) -> AsyncIterator[None]:
    """Make the database refuse rows of history in the block."""
    await application.database(put_away)
    try:
        yield
    finally:
        await application.database(put_back)


def _rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")
