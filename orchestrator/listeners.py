"""Who listens on a port of this host: a process of ours, or a stranger."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PATIENCE = 0.2
"""Seconds that a port of this host has to take a connection; one that is free refuses at once."""
_MARK = "SUPERVISOR_SERVER_URL"


@dataclass(frozen=True)
class Stranger:
    """A program that is not ours and listens on a port of ours."""

    pid: int = 0
    """0: it belongs to another user, and nobody may know."""
    name: str = ""


def stranger_on(host: str, port: int, pid: int, supervisord: Path) -> Stranger | None:
    """Return who listens on ``port`` in place of the process ``pid``; None for nobody.

    ``pid`` is that of the service, 0 while it is down. Programs that the supervisord which listens
    on the socket ``supervisord`` has started are no strangers, even those that it left behind.
    """
    try:
        if pid and listens(pid, port):
            return None
    except psutil.AccessDenied:
        return None  # then nobody can say whose it is
    except psutil.NoSuchProcess:
        pass  # it has ended since supervisord was asked
    if not _is_taken(host, port):
        return None
    listeners = list(_listeners(port))
    if any(_is_ours(process, supervisord) for process in listeners):
        return None
    for process in listeners:
        with suppress(psutil.Error):
            return Stranger(process.pid, process.name())
    return Stranger()


def listens(pid: int, port: int) -> bool:
    """Return whether the process ``pid`` or a child of its listens on ``port``.

    Raises psutil.NoSuchProcess, and psutil.AccessDenied for one of another user.
    """
    process = psutil.Process(pid)
    if _listens(process, port):
        return True
    return any(_listens_if_known(child, port) for child in process.children(recursive=True))


def _listens(process: psutil.Process, port: int) -> bool:
    return any(
        connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        for connection in process.net_connections("tcp")
    )


def _listens_if_known(process: psutil.Process, port: int) -> bool:
    try:
        return _listens(process, port)
    except psutil.Error:
        return False


def _listeners(port: int) -> Iterator[psutil.Process]:
    """Yield the processes that listen on ``port``, of those that this user may look at."""
    for process in psutil.process_iter():
        if _listens_if_known(process, port):
            yield process


def _is_ours(process: psutil.Process, supervisord: Path) -> bool:
    try:
        return bool(process.environ().get(_MARK) == f"unix://{supervisord}")
    except psutil.Error:
        return False


def _is_taken(host: str, port: int) -> bool:
    """Return whether somebody listens there; to bind the port would disturb who just starts."""
    try:
        with socket.create_connection((host, port), timeout=PATIENCE):
            return True
    except TimeoutError:
        return True  # its queue of connections is full
    except OSError:
        return False
