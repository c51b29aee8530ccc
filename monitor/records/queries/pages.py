"""Pages of a selection, by key: a page of a large table costs as little as of a small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from monitor.records.queries.cursors import beyond, decode_key, encode_key
from monitor.records.queries.selection import Selection

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Window(Generic[M]):
    """Neighbouring rows in an order, and whether there are more on either side of them."""

    items: list[M]
    columns: Sequence[str]
    """The columns that define the order of the rows."""
    before: bool
    after: bool

    @property
    def start(self) -> str:
        """The cursor of the first row."""
        return encode_key(self.items[0], self.columns)

    @property
    def end(self) -> str:
        """The cursor of the last row."""
        return encode_key(self.items[-1], self.columns)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows of a selection, and where the next ones begin."""

    items: list[M]
    total: int
    """Rows of the whole selection."""
    next_cursor: str | None
    """The cursor of the rows after these; None when there are none."""
    more_than_total: bool
    """There are more rows than ``total``: the count was stopped there."""
    key: Sequence[str]
    """The columns that define the order of the rows."""

    def first(self, count: int) -> Page[M]:
        """Return the same page cut after its first ``count`` rows (at least 1)."""
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
    """Return at most ``limit`` rows that ``params`` select, from ``cursor`` on.

    ``count_to``: count at most so many rows of the selection; to count all of a large table takes
    longer than everything else. Raises InvalidRequest for invalid parameters or an invalid cursor.
    """
    return page_of(selection.select(params), selection.order(params), limit, cursor, count_to)


def page_of(
    rows: QuerySet[M],
    order: Sequence[str],
    limit: int,
    cursor: str | None = None,
    count_to: int | None = None,
) -> Page[M]:
    """Return at most ``limit`` of ``rows`` after ``cursor``, as ``take_page`` does."""
    window = window_of(rows, order, limit, cursor)
    if window.before or window.after:
        total, more = _count(rows, count_to)
    else:
        total, more = len(window.items), False
    following = window.end if window.after else None
    return Page(window.items, total, following, more, window.columns)


def window_of(
    rows: QuerySet[M],
    order: Sequence[str],
    limit: int,
    cursor: str | None = None,
    *,
    backwards: bool = False,
) -> Window[M]:
    """Return the ``limit`` rows after the one that ``cursor`` names, or before it (``backwards``).

    ``order`` names columns, never null and unique together, all of them ascending or all
    descending (``-``). Without a cursor the rows begin at the first, or end at the last. Raises
    InvalidRequest for a cursor that is none.
    """
    columns = [column.removeprefix("-") for column in order]
    descending = order[0].startswith("-") != backwards
    if cursor:
        values = decode_key(rows.model, columns, cursor)
        rows = rows.filter(beyond(columns, values, "lt" if descending else "gt"))
    found = list(rows.order_by(*(f"-{c}" if descending else c for c in columns))[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    if backwards:
        return Window(found[::-1], columns, before=more, after=bool(cursor))
    return Window(found, columns, before=bool(cursor), after=more)


def _count(rows: QuerySet[M], most: int | None) -> tuple[int, bool]:
    """Return the number of ``rows``, at most ``most``, and whether there are more."""
    if most is None:
        return rows.count(), False
    counted = rows.order_by()[: most + 1].count()
    return min(counted, most), counted > most
