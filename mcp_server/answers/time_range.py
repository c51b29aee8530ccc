"""Periods of time that assistants ask for: in UTC, and such that something can be in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from django.utils import timezone as clock
from django.utils.dateparse import parse_datetime

from monitor.records.queries.selection import read_time
from swf_common_lib.errors import InvalidRequest


def in_utc(given: Mapping[str, str]) -> dict[str, str]:
    """Give parameters of a list with times that name no zone taken as UTC.

    So an assistant is told; for REST, which reads the same filters, such a time is the server's
    local one. Raises InvalidRequest for times that cannot be meant.
    """
    named = {name: _with_zone(given[name]) for name in ("since", "until") if name in given}
    check_period(named)
    return {**given, **named}


def check_period(given: Mapping[str, str]) -> dict[str, datetime]:
    """Give ``since`` and ``until`` as moments; refuse a period that cannot have anything in it."""
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
        return text  # who reads it says what is wrong
    if moment is None or moment.tzinfo is not None:
        return text
    return moment.replace(tzinfo=timezone.utc).isoformat().replace("+00:00", "Z")
