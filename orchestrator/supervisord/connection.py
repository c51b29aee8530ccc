"""Calls to supervisord: XML-RPC over its UNIX socket, with a timeout."""

from __future__ import annotations

import socket
import xmlrpc.client
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults

from swf_common_lib.errors import Unavailable
from swf_common_lib.remedies import Remedy

TIMEOUT = 10.0
"""Seconds to wait for an answer; supervisord answers at once or is in trouble."""


class SupervisorUnavailable(Unavailable):
    """supervisord does not run, cannot start, or does not answer."""

    code = "supervisor-unavailable"


class ShuttingDown(SupervisorUnavailable):
    """supervisord is shutting down."""


def call(path: Path, method: str, *arguments: Any, patience: float = TIMEOUT) -> Any:
    """Call a method of the daemon that listens on ``path``.

    Raises SupervisorUnavailable when none answers within ``patience`` seconds, ShuttingDown when it
    is about to end, and xmlrpc.client.Fault for what it refuses.
    """
    transport = _UnixTransport(path, patience)
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
        raise SupervisorUnavailable(
            f"no supervisord answers on {path}: {error}",
            "`testbed start-local` starts the services, `testbed start-agents` the agents.",
            Remedy.START_AGENTS,
        ) from error
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == Faults.SHUTDOWN_STATE:
            raise ShuttingDown(f"supervisord on {path} is shutting down") from fault
        raise


class _UnixConnection(HTTPConnection):
    """HTTP over a UNIX socket with a timeout (supervisor's own transport waits for ever)."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        unconnected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            unconnected.settimeout(self.timeout)
            unconnected.connect(str(self._path))
        except OSError:
            unconnected.close()
            raise
        self.sock = unconnected


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__()
        self._path = path
        self._timeout = timeout

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = _UnixConnection(self._path, self._timeout)
        self._connection = host, connection  # where `close` looks for it
        return connection
