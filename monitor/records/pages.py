"""Pages of a selection, by key: a page of a large table costs what one of a small does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

from monitor.records.filtering import Selection
from monitor.records.keys import beyond, decode_key, encode_key

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows of a selection, and where the next ones begin."""

    items: list[M]
    total: int
    """Rows of the whole selection; exact."""
    next_cursor: str | None
    """What to ask for to get the rows after these; None when there are none."""


def take_page(
    selection: Selection[M], params: Mapping[str, str], limit: int, cursor: str | None = None
) -> Page[M]:
    """Give at most ``limit`` rows that ``params`` select, from ``cursor`` on.

    Raises InvalidRequest for parameters that cannot be used and for a cursor that is none.
    """
    return page_of(selection.select(params), selection.order(params), limit, cursor)


def page_of(
    rows: QuerySet[M], order: Sequence[str], limit: int, cursor: str | None = None
) -> Page[M]:
    """Give at most ``limit`` of ``rows``, ordered by columns that are unique together."""
    rows = rows.order_by(*order)
    columns = [column.removeprefix("-") for column in order]
    comparison = "lt" if order[0].startswith("-") else "gt"
    wanted = rows
    if cursor:
        wanted = rows.filter(beyond(columns, decode_key(rows.model, columns, cursor), comparison))
    found = list(wanted[: limit + 1])
    if len(found) <= limit:
        total = rows.count() if cursor else len(found)
        return Page(found, total, None)
    return Page(found[:limit], rows.count(), encode_key(found[limit - 1], columns))
