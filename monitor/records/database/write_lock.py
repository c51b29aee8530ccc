"""One writer at a time of what messages say and REST registers too: runs, files, slices, workers.

Ingest asks which rows are there and inserts those that are not. On SQLite nobody else can write
meanwhile. On PostgreSQL somebody could, whose rows ingest does not see until they are committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_KEY = 0x73776669
"""Of the advisory lock; any number that nobody else on the database uses."""


@contextmanager
def one_writer() -> Iterator[None]:
    """Run a transaction that waits for others of its kind, and they for its end."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_KEY])
        yield
