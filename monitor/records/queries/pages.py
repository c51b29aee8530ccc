"""Pages of a selection, by key: a page of a large table costs what one of a small does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from monitor.records.queries.cursors import beyond, decode_key, encode_key
from monitor.records.queries.selection import Selection

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows of a selection, and where the next ones begin."""

    items: list[M]
    total: int
    """Rows of the whole selection."""
    next_cursor: str | None
    """What to ask for to get the rows after these; None when there are none."""
    more_than_total: bool
    """There are more rows than ``total``: they were not counted to their end."""
    key: Sequence[str]
    """The columns that say where a row is in the order."""

    def first(self, count: int) -> Page[M]:
        """Give the page that ends after its first ``count`` (1 at least) rows."""
        if count >= len(self.items):
            return self
        items = self.items[:count]
        return replace(self, items=items, next_cursor=encode_key(items[-1], self.key))


def take_page(
    selection: Selection[M],
    params: Mapping[str, str],
    limit: int,
    cursor: str | None = None,
    count_to: int | None = None,
) -> Page[M]:
    """Give at most ``limit`` rows that ``params`` select, from ``cursor`` on.

    ``count_to``: count the rows of the whole selection this far at most; to count all of a large
    table takes longer than all the rest. Raises InvalidRequest for parameters that cannot be used
    and for a cursor that is none.
    """
    return page_of(selection.select(params), selection.order(params), limit, cursor, count_to)


def page_of(
    rows: QuerySet[M],
    order: Sequence[str],
    limit: int,
    cursor: str | None = None,
    count_to: int | None = None,
) -> Page[M]:
    """Give at most ``limit`` of ``rows``, ordered by columns that are unique together."""
    rows = rows.order_by(*order)
    columns = [column.removeprefix("-") for column in order]
    comparison = "lt" if order[0].startswith("-") else "gt"
    wanted = rows
    if cursor:
        wanted = rows.filter(beyond(columns, decode_key(rows.model, columns, cursor), comparison))
    found = list(wanted[: limit + 1])
    following = None if len(found) <= limit else encode_key(found[limit - 1], columns)
    if cursor or following:
        total, more = _count(rows, count_to)
    else:
        total, more = len(found), False
    return Page(found[:limit], total, following, more, columns)


def _count(rows: QuerySet[M], most: int | None) -> tuple[int, bool]:
    """Count ``rows``, up to ``most`` of them; say whether there are more."""
    if most is None:
        return rows.count(), False
    counted = rows.order_by()[: most + 1].count()
    return min(counted, most), counted > most
