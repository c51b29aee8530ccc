"""Pages of a table by key, newest first: a page of a large table costs what one of a small does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, QueryDict

from swf_common_lib.errors import InvalidRequest

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
        values = _decode(rows.model, key, before or after)
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
        newer=_query(request.GET, AFTER, _encode(found[0], key)) if has_newer else "",
        older=_query(request.GET, BEFORE, _encode(found[-1], key)) if has_older else "",
    )


def beyond(key: Sequence[str], values: Sequence[Any], comparison: str) -> Q:
    """Give the condition for rows before (``lt``) or after (``gt``) the one with these ``values``.

    Rows compare as words do: the first column of ``key`` that differs decides.
    """
    after = Q()
    for position, name in enumerate(key):
        same = dict(zip(key[:position], values[:position], strict=True))
        after |= Q(**same, **{f"{name}__{comparison}": values[position]})
    # Says nothing more, but lets the database begin at the place in its index.
    return Q(**{f"{key[0]}__{comparison}e": values[0]}) & after


def _encode(row: Model, key: Sequence[str]) -> str:
    meta = type(row)._meta
    values = [meta.get_field(name).value_to_string(row) for name in key]  # type: ignore[union-attr]
    return values[0] if len(values) == 1 else json.dumps(values, separators=(",", ":"))


def _decode(model: type[M], key: Sequence[str], cursor: str) -> list[Any]:
    fault = InvalidRequest(
        f"{cursor!r} is not a place in this list", "Go back to the first page of the list."
    )
    try:
        texts = [cursor] if len(key) == 1 else json.loads(cursor)
        if not isinstance(texts, list) or len(texts) != len(key):
            raise fault
        fields = [model._meta.get_field(name) for name in key]
        values = [
            column.to_python(str(text))  # type: ignore[union-attr]
            for column, text in zip(fields, texts, strict=True)
        ]
    except (ValueError, ValidationError, OverflowError, RecursionError) as error:
        raise fault from error
    # What is no key of any row would be refused by the database.
    if not all(_storable(value) for value in values):
        raise fault
    return values


def _storable(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**63
    return not (isinstance(value, str) and "\0" in value)


def _query(params: QueryDict, name: str = "", value: str = "") -> str:
    query = params.copy()
    for cursor in (BEFORE, AFTER):
        query.pop(cursor, None)
    if name:
        query[name] = value
    return f"?{query.urlencode()}"
