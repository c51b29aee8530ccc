"""Pages of a selection, by key: a page of a large table costs what one of a small does."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from monitor.records.filtering import Selection
from swf_common_lib.errors import InvalidRequest

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
        wanted = rows.filter(_beyond(columns, _decode(rows.model, columns, cursor), comparison))
    found = list(wanted[: limit + 1])
    if len(found) <= limit:
        total = rows.count() if cursor else len(found)
        return Page(found, total, None)
    return Page(found[:limit], rows.count(), _encode(found[limit - 1], columns))


def _beyond(columns: Sequence[str], values: Sequence[Any], comparison: str) -> Q:
    """Make the condition for rows after ``values``, the first column that differs decides."""
    # The first part alone lets the database use the index of the order.
    condition = Q(**{f"{columns[0]}__{comparison}e": values[0]})
    after = Q()
    for position, column in enumerate(columns):
        same = dict(zip(columns[:position], values[:position], strict=True))
        after |= Q(**same, **{f"{column}__{comparison}": values[position]})
    return condition & after


def _encode(row: Model, columns: Sequence[str]) -> str:
    fields = {field.name: field for field in row._meta.concrete_fields}
    values = [fields[column].value_to_string(row) for column in columns]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decode(model: type[Model], columns: Sequence[str], cursor: str) -> list[Any]:
    fields = {field.name: field for field in model._meta.concrete_fields}
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        texts = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(texts, list) or not all(isinstance(part, str) for part in texts):
            raise ValueError(texts)
        values = [
            fields[column].to_python(part) for column, part in zip(columns, texts, strict=True)
        ]
        if any(isinstance(value, int) and abs(value) >= 2**63 for value in values):
            raise ValueError(values)
        if any(isinstance(value, str) and "\0" in value for value in values):
            raise ValueError(values)
    except (ValueError, ValidationError, binascii.Error, OverflowError, RecursionError) as error:
        raise InvalidRequest(
            f"cursor {cursor!r} is not one of this list",
            "Take it unchanged from the answer before, with the same filters and order.",
        ) from error
    return values
