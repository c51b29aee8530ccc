"""Pages of rows for an assistant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Model
from mcp_types import CallToolResult

from mcp_server.answers.cursors import ListCursors
from mcp_server.answers.empty_lists import why_empty
from mcp_server.answers.results import Result, answer
from mcp_server.answers.time_range import in_utc
from mcp_server.answers.truncation import MOST_BYTES, that_fit
from mcp_server.application import Application
from monitor.records.queries.pages import take_page
from monitor.records.queries.selection import Selection

M = TypeVar("M", bound=Model)
Item = dict[str, Any]

COUNTED = 2_000
"""How many rows of a list are counted at most: counting a million takes longer than a page."""
MOST_OF_ITEMS = MOST_BYTES - 4_000
"""Bytes that the items of a page may take; the rest is for the other fields of the answer."""
_ARGUMENTS = {"sender_agent": "sender", "instance_name": "source", "assigned_worker": "worker"}
"""The tools' names for some of the filters."""


class ListResult(Result):
    """The answer of every tool that lists something."""

    items: list[Item]
    total: int
    """Rows on all pages."""
    total_is_least: bool | None = None
    """There are more rows than ``total``: the count was stopped there."""
    next_cursor: str | None = None
    applied_filters: dict[str, str] = {}
    note: str | None = None
    """Why the page is empty, or has fewer items than were asked for."""


async def listed(
    application: Application,
    selection: Selection[M],
    params: Mapping[str, Any],
    limit: int,
    cursor: str,
    shown: Callable[[Sequence[M]], list[Item]],
    note: str = "",
) -> CallToolResult:
    """Answer with one page of ``selection``; ``shown`` turns its rows into items.

    Parameters without a value filter nothing. ``note`` stands before the page's own note.
    Raises InvalidRequest for values that cannot be used.
    """
    result = await application.database(read_rows, selection, params, limit, cursor, shown)
    result.note = " ".join(said for said in (note, result.note) if said) or None
    more = "more than " if result.total_is_least else ""
    text = f"{len(result.items)} of {more}{result.total} {selection.name}"
    if result.applied_filters:
        text += f" ({', '.join(f'{k}={v}' for k, v in result.applied_filters.items())})"
    if result.note:
        text += f". {result.note}"
    return answer(result, text)


def read_rows(
    selection: Selection[M],
    params: Mapping[str, Any],
    limit: int,
    cursor: str,
    shown: Callable[[Sequence[M]], list[Item]],
) -> ListResult:
    """Read one page: at most ``limit`` rows, and no more than fit into one answer."""
    given = {name: str(value) for name, value in params.items() if value not in ("", None)}
    given = in_utc(given)
    cursors = ListCursors.of(selection.name, given)
    after = cursors.place(cursor) if cursor else None
    page = take_page(selection, given, limit, after, COUNTED)
    items = shown(page.items)
    note = None
    kept = max(1, len(that_fit(items, MOST_OF_ITEMS)))
    if kept < len(items):
        page = page.first(kept)
        items = items[:kept]
        note = f"An answer holds no more than {kept} of these: go on with next_cursor."
    filters = {name: value for name, value in given.items() if name != "ordering"}
    if not items:
        note = why_empty(selection, filters, _ARGUMENTS)
    filters = {_ARGUMENTS.get(name, name): value for name, value in filters.items()}
    return ListResult(
        items=items,
        total=page.total,
        total_is_least=page.more_than_total or None,
        next_cursor=cursors.at(page.next_cursor) if page.next_cursor is not None else None,
        applied_filters=filters,
        note=note,
    )
