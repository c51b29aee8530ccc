"""Django's settings of the monitor's database: SQLite embedded, or PostgreSQL through a pool."""

from __future__ import annotations

from typing import Any

from swf_common_lib.database_url import DatabaseAddress, parse_database_url, require_driver
from swf_common_lib.settings import Settings

POOL_SIZE = 24
"""Connections that a process has at most: more than it has threads that use the database."""
POOL_WAIT = 3.0
"""Seconds that a thread waits for a connection; to get none means that there is no server."""
RECONNECT = 0.5
"""Seconds that the pool tries by itself to replace a connection. Its pauses double: with its
default it would notice minutes late that the server is back. The next query tries again."""
CONNECT_TIMEOUT = 5
"""Seconds."""
SESSION = {
    # No query of ours takes that long, and its caller has given up before.
    "statement_timeout": "60s",
    # Ends transactions, with their locks, of a process that lost its network.
    "idle_in_transaction_session_timeout": "60s",
}
"""Settings of each session on the server."""
_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A server that vanished is noticed after 25 s (libpq's settings, in seconds or milliseconds)."""


def databases(testbed: Settings) -> dict[str, dict[str, Any]]:
    """Return Django's ``DATABASES``; raise ConfigurationError when the driver is missing."""
    if not testbed.swf_database_url:
        return {"default": _sqlite(str(testbed.database_file))}
    require_driver()
    return {"default": _postgresql(parse_database_url(testbed.swf_database_url))}


def _sqlite(file: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            # Write transactions take their lock at the start and wait for it: with Django's
            # defaults concurrent writers fail instead.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                "PRAGMA busy_timeout=30000; PRAGMA cache_size=-65536;"
            ),
        },
        "CONN_MAX_AGE": None,
    }


def _postgresql(address: DatabaseAddress) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": address.name,
        "HOST": address.host,
        "PORT": str(address.port),
        "USER": address.user,
        "PASSWORD": address.password,
        "OPTIONS": {
            **address.options,
            **_KEEPALIVE,
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "swf-testbed",
            "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
            "pool": {
                "min_size": 1,
                "max_size": POOL_SIZE,
                "timeout": POOL_WAIT,
                "reconnect_timeout": RECONNECT,
                "num_workers": 2,
            },
        },
        # Each query takes a tested connection from the pool and returns it: no process needs a
        # restart after the server had one.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
    }
