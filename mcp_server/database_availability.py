"""Errors of the database as callers see them, and short waits while it is known to be away."""

from __future__ import annotations

import logging
import threading
import time

from django.db import DataError, Error, InterfaceError, OperationalError, connection

from monitor.database_server import reason
from swf_common_lib.errors import InvalidRequest, TestbedError, TookTooLong, Unavailable
from swf_common_lib.remedies import Remedy

PATIENCE = 1.0
"""Seconds that a query waits for a connection. This process has fewer threads than its pool has
connections: so to get none always means that there is no server."""
IMPATIENCE = 0.1
"""The same, once the server is known to be away. Each query makes the pool try to connect, so a
server that is back is found in time for the next query."""
_REASON_KEPT_FOR = 10.0
"""Seconds for which the reason is remembered: finding it takes 5 s if the host drops packets."""
_UNDEFINED_TABLE = "42P01"
_CANCELLED = "57014"

logger = logging.getLogger(__name__)


class DatabaseAvailability:
    """Remembers whether the database is away, and why. Shared by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away: bool | None = None
        self._why = ""
        self._why_known_until = 0.0

    def before_query(self) -> None:
        """Set the usual wait for a connection before the first query; called before each query."""
        if self._away is None:
            self._set_away(away=False)

    def after_query(self) -> None:
        """Record that the database is there, if the call that succeeded used a connection."""
        if self._away and connection.connection is not None:
            self._set_away(away=False)

    def error_for_caller(self, error: Error) -> TestbedError | None:
        """Return the error that a caller sees for a database's error; None for a fault of ours."""
        state = getattr(error.__cause__, "sqlstate", "")
        said = " ".join(str(error).split())
        if state == _UNDEFINED_TABLE or "no such table" in said:
            return Unavailable(
                f"the testbed's database lacks its tables: {said}",
                "`testbed init` makes them.",
                Remedy.INITIALISE,
            )
        if isinstance(error, DataError):
            return InvalidRequest(
                f"the database has no place for a value of this question: {said}",
                "Give names and numbers as lists show them.",
            )
        if state == _CANCELLED:
            return TookTooLong(
                "the question took too long and was given up",
                "Narrow it with since or execution_id.",
            )
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        said = self._why_gone(error)
        logger.error("the database failed: %s", said)
        return Unavailable(
            f"the testbed's database does not answer: {said}",
            "`testbed start-local` starts it, `testbed doctor` examines it; `testbed init` makes "
            "one where there is none. This server goes on as soon as it is back.",
            Remedy.START_SERVICES,
            {"service": "database"},
        )

    def _why_gone(self, error: Error) -> str:
        said = " ".join(str(error).split())
        if type(error.__cause__).__name__ != "PoolTimeout":
            return said
        self._set_away(away=True)
        with self._lock:  # one thread finds the reason; the others do not wait for it
            asks = time.monotonic() >= self._why_known_until
            if asks:
                self._why_known_until = time.monotonic() + _REASON_KEPT_FOR
        if asks:
            self._why = reason(error).removeprefix("the database server does not answer: ")
        return self._why or said

    def _set_away(self, *, away: bool) -> None:
        pool = getattr(connection, "pool", None)  # SQLite has none
        if pool is not None:
            pool.timeout = IMPATIENCE if away else PATIENCE
        if not away:
            self._why, self._why_known_until = "", 0.0
        self._away = away
