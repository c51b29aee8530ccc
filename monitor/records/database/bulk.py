"""Writing many rows at once, without making model instances.

SQLite: one prepared statement for all. PostgreSQL: COPY for new rows, one UPDATE from JSON for
changed ones (docs/decisions says what each brings).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model
from pydantic_core import to_json

QUERY_SIZE = {"sqlite": 900, "postgresql": 10_000}
"""Values that one query may have: SQLite allows at least 999 in a statement."""


def insert_rows(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows; their values are in the order of ``fields``, in the database's own form."""
    values = list(rows)
    if not values:
        return
    table = _quoted(model._meta.db_table)
    names = ", ".join(_quoted(_column(model, field)) for field in fields)
    if connection.vendor == "postgresql":
        _copy(f"COPY {table} ({names}) FROM STDIN", values)
    else:
        marks = ", ".join(["%s"] * len(fields))
        _run_many(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)  # noqa: S608


def update_rows(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Set ``fields`` of rows; each of ``rows`` holds their values, then the primary key."""
    values = list(rows)
    if not values:
        return
    table, key = _quoted(model._meta.db_table), _quoted(_column(model, "pk"))
    columns = [_quoted(_column(model, field)) for field in fields]
    if connection.vendor == "postgresql":
        changes = ", ".join(
            f"{name} = new.{name}::{_type(model, field)}"
            for name, field in zip(columns, fields, strict=True)
        )
        names = ", ".join(f"{name} text" for name in (*columns, key))
        statement = (
            f"UPDATE {table} AS old SET {changes}"  # noqa: S608
            f" FROM json_to_recordset(%s::json) AS new ({names})"
            f" WHERE old.{key} = new.{key}::{_type(model, 'pk')}"
        )
        keys = [_column(model, field) for field in (*fields, "pk")]
        records = to_json([dict(zip(keys, row, strict=True)) for row in values])
        with connection.cursor() as cursor:
            cursor.execute(statement, [records.decode()])
    else:
        changes = ", ".join(f"{name} = %s" for name in columns)
        _run_many(f"UPDATE {table} SET {changes} WHERE {key} = %s", values)  # noqa: S608


def _copy(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _run_many(statement: str, rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _type(model: type[Model], field: str) -> str:
    found = model._meta.pk if field == "pk" else model._meta.get_field(field)
    kind = getattr(found, "rel_db_type" if field == "pk" else "db_type")(connection)
    assert isinstance(kind, str)  # noqa: S101  (it has a column)
    return kind


def _column(model: type[Model], field: str) -> str:
    found = model._meta.pk if field == "pk" else model._meta.get_field(field)
    column = getattr(found, "column", None)
    assert isinstance(column, str)  # noqa: S101  (a relation to many has no column)
    return column


def time_form() -> Callable[[datetime], Any]:
    """Return the function that converts a time into the form that ``insert_rows`` takes."""
    if connection.vendor == "postgresql":
        return datetime.isoformat  # psycopg takes four times as long over a datetime
    adapt: Callable[[datetime], Any] = connection.ops.adapt_datetimefield_value
    return adapt


def stored_time(value: datetime) -> Any:
    """Return one time in the form that ``insert_rows`` takes."""
    return time_form()(value)


def stored_uuid(value: UUID) -> str:
    """Return a UUID in the form that ``insert_rows`` takes."""
    return value.hex


def portions(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield the values in lists that are short enough for one query."""
    rest, size = list(values), QUERY_SIZE[connection.vendor]
    for start in range(0, len(rest), size):
        yield rest[start : start + size]
