"""Processes under test: waiting until they listen, ending them."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable

from tests.waiting import PATIENCE, wait_until


def wait_listening(
    process: subprocess.Popen[bytes], host: str, port: int, log: Callable[[], str]
) -> None:
    """Wait until a process takes connections; ``log`` returns what it wrote, should it end."""

    def listens() -> bool:
        assert process.poll() is None, f"it ended: {log()}"
        try:
            with socket.create_connection((host, port), timeout=PATIENCE):
                return True
        except OSError:
            return False

    wait_until(listens, message=f"nothing listens on port {port}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process in order, if it runs; one that does not end fails the test, and is killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)  # a test that failed may have left it suspended
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
