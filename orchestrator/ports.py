"""The ports on which this machine's services listen: checking and choosing free ones."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection

from swf_common_lib.errors import Conflict, Unavailable

LOOPBACK = "127.0.0.1"
FIRST_CHOICE = {"ACTIVEMQ_PORT": 61613, "SWF_WEB_PORT": 8002, "SWF_MCP_PORT": 8001}
"""Where the search for a free port of each setting begins."""
_DATABASE_PORT = 5433
"""Where the search for PostgreSQL's begins; 5432 is the system's own."""
_STEP = 10
_LAST = 65535


def is_free(port: int) -> bool:
    """Return whether a service could listen on ``port`` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that is still fading away does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def pick(setting: str, avoid: Collection[int] = ()) -> int:
    """Return a free port for ``setting``: its first choice or the next in steps of 10.

    Raises Conflict when there is none.
    """
    first = FIRST_CHOICE.get(setting, _DATABASE_PORT)
    for port in range(first, _LAST + 1, _STEP):
        if port not in avoid and is_free(port):
            return port
    raise Conflict(f"no free port found for {setting} from {first} upwards")


def listen(setting: str, port: int, who: str, host: str = LOOPBACK) -> socket.socket:
    """Return a socket that listens on ``port`` of ``host`` (SWF_LISTEN), for service ``who``.

    Raises Unavailable that names the setting when somebody else has the port.
    """
    # Naming TCP matters: asyncio switches Nagle's algorithm off for such sockets alone, and with
    # it on an answer waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        why = "in use already" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise Unavailable(
            f"{who} cannot listen on {host}:{port}: the port is {why}",
            f"Set {setting} to a free port in .testbed/settings.toml (or the environment), or"
            " stop what uses this one.",
        ) from error
    return listener


def taken(setting: str, port: int) -> Conflict:
    """Return the error for a port that another program holds."""
    return Conflict(
        f"port {port} ({setting}) is taken by another program",
        "Free it, or let `testbed init --new-ports` pick other ports.",
    )
