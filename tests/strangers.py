"""A program of somebody else that listens on a port."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import end, wait_listening

_PROGRAM = (
    "import socket, sys\n"
    "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "while True: listener.accept()[0].close()\n"
)


@contextmanager
def stranger_listening(port: int) -> Iterator[int]:
    """Run another program that listens on ``port``; yield its process id."""
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(port)])
    try:
        wait_listening(process, "127.0.0.1", port, lambda: "nothing")
        yield process.pid
    finally:
        end(process)
