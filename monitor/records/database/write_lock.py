"""A lock for tables that both ingest and REST write: runs, files, slices, workers.

Ingest reads which rows exist and inserts those that do not. On SQLite nobody else can write
meanwhile. On PostgreSQL somebody could, and ingest sees such rows only when they are committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_KEY = 0x73776669
"""Key of the advisory lock: any number that nobody else on the database uses."""


@contextmanager
def one_writer() -> Iterator[None]:
    """Run the block as a transaction; only one such transaction runs at a time."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_KEY])
        yield
