"""The monitor's database from beside the monitor, of either kind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from swf_common_lib.settings import Settings
from tests.waiting import PATIENCE


@dataclass(frozen=True)
class MonitorDatabase:
    """The database that some settings name."""

    settings: Settings

    def connect(self) -> Any:
        """Open a connection (DB-API)."""
        if self.settings.swf_database_url:
            return psycopg.connect(self.settings.swf_database_url)
        return sqlite3.connect(self.settings.database_file, timeout=PATIENCE)

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        with closing(self.connect()) as connection:
            rows: list[tuple[Any, ...]] = connection.execute(question).fetchall()
            return rows

    def write(self, statement: str, values: Sequence[Any]) -> None:
        """Run a statement (places: ``%s``) and commit."""
        if not self.settings.swf_database_url:
            statement = statement.replace("%s", "?")
        with closing(self.connect()) as connection, connection:
            connection.execute(statement, values)

    @contextmanager
    def held(self, *others: str) -> Iterator[None]:
        """Lock messages, and the ``others`` of the tables, against writing by anybody else."""
        with closing(self.connect()) as connection:
            if self.settings.swf_database_url:
                tables = ", ".join(("records_workflowmessage", *others))
                connection.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE")
            else:
                connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()
