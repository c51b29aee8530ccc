"""Times as messages carry them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from django.utils.dateparse import parse_datetime

from monitor.server_zone import server_zone


def parse_time(value: Any, default: datetime) -> datetime:
    """Return an ISO 8601 text as a time; without a zone it is the server's local time.

    Returns ``default`` for what is not a time, or not one that a database can store.
    """
    if not isinstance(value, str) or not value:
        return default
    try:
        moment = parse_datetime(value)
        if moment is None:
            return default
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=server_zone())
        return moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return default


def from_now_on() -> Iterator[datetime]:
    """Yield times a microsecond apart, so that the rows of a batch keep their order in lists."""
    moment, step = datetime.now(timezone.utc), timedelta(microseconds=1)
    while True:
        yield moment
        moment += step


def optional_time(value: Any) -> datetime | None:
    """Return an ISO 8601 text as a time; None where it is absent."""
    if value is None:
        return None
    never = datetime.min.replace(tzinfo=timezone.utc)
    moment = parse_time(value, never)
    return None if moment is never else moment
