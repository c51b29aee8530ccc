"""Time ranges that assistants ask for: in UTC, and never empty by a mistake in the question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from django.utils import timezone as clock
from django.utils.dateparse import parse_datetime

from monitor.records.queries.selection import read_time
from swf_common_lib.errors import InvalidRequest


def in_utc(given: Mapping[str, str]) -> dict[str, str]:
    """Return a list's parameters; times without a zone are taken as UTC.

    The server's instructions say so to assistants. REST, which reads the same filters, takes such a
    time as the server's local time. Raises InvalidRequest for an impossible time range.
    """
    named = {name: _with_zone(given[name]) for name in ("since", "until") if name in given}
    check_time_range(named)
    return {**given, **named}


def check_time_range(given: Mapping[str, str]) -> dict[str, datetime]:
    """Return ``since`` and ``until`` as moments; raise InvalidRequest for an impossible range."""
    moments = {}
    for name in ("since", "until"):
        if name in given:
            try:
                moments[name] = read_time(_with_zone(given[name]))
            except (ValueError, OverflowError) as error:
                raise InvalidRequest(f"{name}={given[name]}: {error}") from error
    now = clock.now()
    said = f"It is {now.isoformat(timespec='seconds')} now."
    if "since" in moments and moments["since"] > now:
        raise InvalidRequest(f"since={given['since']} is in the future", said)
    if len(moments) == 2 and moments["since"] >= moments["until"]:
        raise InvalidRequest(
            f"since={given['since']} is not before until={given['until']}: nothing is between them",
            said,
        )
    return moments


def _with_zone(text: str) -> str:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return text  # ``read_time`` raises the error for it
    if moment is None or moment.tzinfo is not None:
        return text
    return moment.replace(tzinfo=timezone.utc).isoformat().replace("+00:00", "Z")
