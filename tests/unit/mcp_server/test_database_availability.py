"""Errors of the database as callers see them, and how long callers wait while it is away."""

from __future__ import annotations

from types import SimpleNamespace

import psycopg
import pytest
from django.db import DataError, Error, IntegrityError, OperationalError, ProgrammingError
from psycopg_pool import PoolTimeout

from mcp_server import database_availability
from mcp_server.database_availability import IMPATIENCE, PATIENCE, DatabaseAvailability
from swf_common_lib.errors import InvalidRequest, TestbedError, TookTooLong, Unavailable


def caused(error: Error, cause: Exception) -> Error:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "expected"),
    [
        (OperationalError("server closed the connection"), Unavailable, "does not answer: server"),
        (
            caused(OperationalError("canceling"), psycopg.errors.QueryCanceled("canceling")),
            TookTooLong,
            "Narrow it with since or execution_id",
        ),
        (
            caused(ProgrammingError("no relation"), psycopg.errors.UndefinedTable("no relation")),
            Unavailable,
            "testbed init",
        ),
        (OperationalError("no such table: x"), Unavailable, "testbed init"),
        (DataError("text fields cannot contain NUL"), InvalidRequest, "cannot contain NUL"),
    ],
)
def test_callers_are_told(error: Error, kind: type[TestbedError], expected: str) -> None:
    told = DatabaseAvailability().error_for_caller(error)
    assert type(told) is kind
    assert expected in str(told)


@pytest.mark.parametrize("error", [ProgrammingError("syntax"), IntegrityError("twice")])
def test_errors_of_ours_are_not(error: Error) -> None:
    assert DatabaseAvailability().error_for_caller(error) is None


def test_known_outage_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = SimpleNamespace(timeout=30.0)
    server = SimpleNamespace(pool=pool, connection=None)
    reasons = iter(["the database server does not answer: refused", "starting up"])
    monkeypatch.setattr(database_availability, "connection", server)
    monkeypatch.setattr(database_availability, "reason", lambda _error: next(reasons))
    timeout = caused(OperationalError("no connection after 1 s"), PoolTimeout("no connection"))
    one = DatabaseAvailability()
    one.before_query()
    assert pool.timeout == PATIENCE
    for _ in range(3):
        told = one.error_for_caller(timeout)
        assert "does not answer: refused\n" in str(told), "asked once, told to all"
        assert pool.timeout == IMPATIENCE
    one.after_query()
    assert pool.timeout == IMPATIENCE, "that question had nothing to do with the database"
    server.connection = object()
    one.after_query()
    assert pool.timeout == PATIENCE
    assert "starting up" in str(one.error_for_caller(timeout))
