"""The address of a PostgreSQL database, as one setting holds it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from swf_common_lib.errors import ConfigurationError

FORM = "postgresql://user:password@host:port/name"
SCHEMES = ("postgresql", "postgres")
PORT = 5432
OPTIONS = ("host", "sslmode", "sslrootcert", "sslcert", "sslkey")
"""What may follow a question mark; libpq's words. ``host``: the folder of a Unix socket."""
_ESCAPES = "characters such as / ? # @ % in a password are written as %2F %3F %23 %40 %25"


@dataclass(frozen=True)
class DatabaseAddress:
    """Address and login of a PostgreSQL database."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the address without the password."""
        return f"{self.user}@{self.host}:{self.port}/{self.name}"


def parse_database_url(url: str) -> DatabaseAddress:
    """Read the address of a database.

    Raises ValueError saying what is wrong, without the password.
    """
    try:
        parts = urlsplit(url)
        port = PORT if parts.port is None else parts.port
    except ValueError:  # whose text holds a part of the address
        raise ValueError(f"is not of the form {FORM}; {_ESCAPES}") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"does not begin with postgresql:// as in {FORM}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ValueError(f"has the unknown option {unknown[0]!r}; there are {', '.join(OPTIONS)}")
    host = options.pop("host", "") or unquote(parts.hostname or "")
    name = unquote(parts.path.removeprefix("/"))
    _require(host, parts, name, port)
    return DatabaseAddress(
        host, port, unquote(parts.username or ""), unquote(parts.password or ""), name, options
    )


def require_driver() -> None:
    """Raise ConfigurationError unless Python's driver of PostgreSQL is installed."""
    for module in ("psycopg", "psycopg_pool"):
        if importlib.util.find_spec(module) is None:
            raise ConfigurationError(
                [f"SWF_DATABASE_URL names a PostgreSQL, but {module} is not installed"],
                "Install the testbed with its driver: pip install -e '.[postgres]'",
            )


def _require(host: str, parts: SplitResult, name: str, port: int) -> None:
    missing = [
        what
        for what, value in (("user", parts.username), ("host", host), ("database name", name))
        if not value
    ]
    if missing:
        raise ValueError(f"names no {' and no '.join(missing)}; its form is {FORM}")
    if "/" in name or parts.fragment:
        # Most often a password with a character that ends the address' first part.
        raise ValueError(f"is not of the form {FORM}; {_ESCAPES}")
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is not a port (1 to 65535)")
