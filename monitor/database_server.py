"""Whether the PostgreSQL server answers: asked without the pool, which hides the reason."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.db import Error, connection

from swf_common_lib.errors import ConfigurationError, TestbedError, Unavailable

_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password")
"""Parts of errors that will not go away by themselves."""
PAUSE = 0.5
"""Seconds between two attempts."""

logger = logging.getLogger(__name__)


def require_answer() -> None:
    """Connect once. An embedded database always answers.

    Raises ConfigurationError when the server refuses this login or database, Unavailable when
    there is no server.
    """
    if connection.vendor != "postgresql":
        return
    try:
        with connection.wrap_database_errors:
            opened = connection.Database.connect(**connection.get_connection_params())  # type: ignore[attr-defined]
            with closing(opened):
                return
    except Error as error:
        said = " ".join(str(error).split())
        if any(refusal in said for refusal in _REFUSALS):
            raise ConfigurationError(
                [f"the database server refuses the monitor: {said}"],
                "Correct SWF_DATABASE_URL, or make this user and database on the server.",
            ) from error
        raise Unavailable(
            f"the database server does not answer: {said}",
            "Start PostgreSQL, or correct SWF_DATABASE_URL.",
        ) from error


def reason(error: Exception) -> str:
    """Return the text of a database error; for a pool without connections, the cause."""
    if type(error.__cause__).__name__ == "PoolTimeout":
        try:
            require_answer()
        except TestbedError as known:
            return known.detail
    return " ".join(str(error).split())


def await_answer() -> None:
    """Wait until the server answers. Raises ConfigurationError when it refuses."""
    told = ""
    while True:
        try:
            require_answer()
        except Unavailable as error:
            if error.detail != told:
                logger.warning("%s; trying until it does", error.detail)
            told = error.detail
            time.sleep(PAUSE)
        else:
            return


@contextmanager
def unhurried() -> Iterator[None]:
    """Switch off the statement timeout in the block: to change a large table takes long."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")
