"""Pages of a table by key, newest first: a page of a large table costs what one of a small does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

from monitor.records.queries.cursors import beyond, decode_key, encode_key

PAGE_SIZE = 50
BEFORE, AFTER = "before", "after"
"""Parameters of a page's address: rows older, or newer, than the key that they give."""

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows of a table, newest first, and the queries that lead to the rows around them."""

    rows: list[M] = field(default_factory=list)
    newest: str = ""
    """Query of the first page; empty on the first page itself."""
    newer: str = ""
    older: str = ""


def paginate(
    request: HttpRequest, rows: QuerySet[M], key: Sequence[str], size: int = PAGE_SIZE
) -> Page[M]:
    """Give the page of ``rows`` that the request's address asks for.

    ``key`` names the columns, never null and unique together, whose descending order is that of
    the page. Raises InvalidRequest when the address holds a key that is none.
    """
    before, after = request.GET.get(BEFORE, ""), request.GET.get(AFTER, "")
    upwards = bool(after) and not before
    if before or after:
        values = decode_key(rows.model, key, before or after)
        rows = rows.filter(beyond(key, values, "gt" if upwards else "lt"))
    ordered = rows.order_by(*(name if upwards else f"-{name}" for name in key))
    found = list(ordered[: size + 1])
    more, found = len(found) > size, found[:size]
    if upwards:
        found.reverse()
    if not found:
        return Page(newest=_query(request.GET) if before or after else "")
    has_newer, has_older = (more, True) if upwards else (bool(before), more)
    return Page(
        rows=found,
        newest=_query(request.GET) if has_newer else "",
        newer=_query(request.GET, AFTER, encode_key(found[0], key)) if has_newer else "",
        older=_query(request.GET, BEFORE, encode_key(found[-1], key)) if has_older else "",
    )


def _query(params: QueryDict, name: str = "", value: str = "") -> str:
    query = params.copy()
    for cursor in (BEFORE, AFTER):
        query.pop(cursor, None)
    if name:
        query[name] = value
    return f"?{query.urlencode()}"
