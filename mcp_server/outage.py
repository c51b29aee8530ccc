"""What went wrong with the database, for callers; and not to wait long for one known to be gone."""

from __future__ import annotations

import logging
import threading
import time

from django.db import DataError, Error, InterfaceError, OperationalError, connection

from monitor.database_server import reason
from swf_common_lib.errors import InvalidRequest, TestbedError, TookTooLong, Unavailable

PATIENCE = 1.0
"""Seconds that a question waits for a connection. This process has fewer threads than its pool has
connections: to get none only ever means that there is no server."""
IMPATIENCE = 0.1
"""The same, once that is known. A server that is back is found by the attempt that each question
lets the pool make, in time for the question after it."""
_SAID_FOR = 10.0
"""Seconds for which the reason is not asked for again: a host that drops packets takes 5 s."""
_UNDEFINED_TABLE = "42P01"
_CANCELLED = "57014"

logger = logging.getLogger(__name__)


class Outage:
    """Knows whether the database is known to be gone, and why. For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lasts: bool | None = None
        self._why = ""
        self._why_known_until = 0.0

    def before(self) -> None:
        """Let questions have their patience; to be called before each."""
        if self._lasts is None:
            self._now(lasts=False)

    def after(self) -> None:
        """Note that a question was answered, if it had to do with the database."""
        if self._lasts and connection.connection is not None:
            self._now(lasts=False)

    def told(self, error: Error) -> TestbedError | None:
        """Give what a caller is told of an error of the database; None for one that is ours."""
        state = getattr(error.__cause__, "sqlstate", "")
        said = " ".join(str(error).split())
        if state == _UNDEFINED_TABLE or "no such table" in said:
            return Unavailable(
                f"the testbed's database lacks its tables: {said}", "`testbed init` makes them."
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
        )

    def _why_gone(self, error: Error) -> str:
        said = " ".join(str(error).split())
        if type(error.__cause__).__name__ != "PoolTimeout":
            return said
        self._now(lasts=True)
        with self._lock:  # one asks; nobody else waits for the answer
            asks = time.monotonic() >= self._why_known_until
            if asks:
                self._why_known_until = time.monotonic() + _SAID_FOR
        if asks:
            self._why = reason(error).removeprefix("the database server does not answer: ")
        return self._why or said

    def _now(self, *, lasts: bool) -> None:
        pool = getattr(connection, "pool", None)  # an embedded database has none
        if pool is not None:
            pool.timeout = IMPATIENCE if lasts else PATIENCE
        if not lasts:
            self._why, self._why_known_until = "", 0.0
        self._lasts = lasts
