"""Many rows with one prepared statement: no model instance is made on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

QUESTION_SIZE = 900
"""Values that one IN (...) may hold: SQLite takes at least 999 in a statement."""


def insert_rows(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows whose values stand in the order of ``fields``, in the database's own form."""
    quote = connection.ops.quote_name
    names = ", ".join(quote(_column(model, field)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({marks})"  # noqa: S608
    _run_many(statement, rows)


def update_rows(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Set ``fields`` of rows; each of ``rows`` holds their values, then the primary key."""
    quote = connection.ops.quote_name
    changes = ", ".join(f"{quote(_column(model, field))} = %s" for field in fields)
    key = quote(_column(model, "pk"))
    statement = f"UPDATE {quote(model._meta.db_table)} SET {changes} WHERE {key} = %s"  # noqa: S608
    _run_many(statement, rows)


def _run_many(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    values = list(rows)
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(statement, values)


def _column(model: type[Model], field: str) -> str:
    found = model._meta.pk if field == "pk" else model._meta.get_field(field)
    column = getattr(found, "column", None)
    assert isinstance(column, str)  # noqa: S101  (a relation to many has no column)
    return column


def time_form() -> Callable[[datetime], Any]:
    """Give the function that turns a time into the form in which the database stores it."""
    adapt: Callable[[datetime], Any] = connection.ops.adapt_datetimefield_value
    return adapt


def stored_time(value: datetime) -> Any:
    """Give one time in the form in which the database stores it."""
    return time_form()(value)


def stored_uuid(value: UUID) -> UUID | str:
    """Give a UUID in the form in which the database stores it."""
    return value if connection.features.has_native_uuid_field else value.hex


def portions(values: Iterable[str]) -> Iterator[list[str]]:
    """Cut values into lists that fit into one question."""
    rest = list(values)
    for start in range(0, len(rest), QUESTION_SIZE):
        yield rest[start : start + QUESTION_SIZE]
