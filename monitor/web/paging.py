"""Pages of a table by key, newest first, and the addresses of the pages around each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

from monitor.records.queries.pages import window_of

PAGE_SIZE = 50
BEFORE, AFTER = "before", "after"
"""Parameters of a page's address: rows older, or newer, than the one whose cursor they hold."""

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class LinkedPage(Generic[M]):
    """Some rows of a table, newest first, and the URL queries of the pages around them."""

    rows: list[M] = field(default_factory=list)
    newest: str = ""
    """Query of the first page; empty on the first page itself."""
    newer: str = ""
    older: str = ""


def paginate(
    request: HttpRequest, rows: QuerySet[M], key: Sequence[str], size: int = PAGE_SIZE
) -> LinkedPage[M]:
    """Return the page of ``rows`` that the request's address asks for.

    ``key`` names the columns, never null and unique together, whose descending order is that of
    the page. Raises InvalidRequest when the address holds a cursor that is none.
    """
    before, after = request.GET.get(BEFORE, ""), request.GET.get(AFTER, "")
    window = window_of(
        rows,
        [f"-{column}" for column in key],
        size,
        before or after,
        backwards=bool(after) and not before,
    )
    if not window.items:
        return LinkedPage(newest=_query(request.GET) if before or after else "")
    return LinkedPage(
        rows=window.items,
        newest=_query(request.GET) if window.before else "",
        newer=_query(request.GET, AFTER, window.start) if window.before else "",
        older=_query(request.GET, BEFORE, window.end) if window.after else "",
    )


def _query(params: QueryDict, name: str = "", value: str = "") -> str:
    query = params.copy()
    for cursor in (BEFORE, AFTER):
        query.pop(cursor, None)
    if name:
        query[name] = value
    return f"?{query.urlencode()}"
