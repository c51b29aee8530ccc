"""Ending processes under test."""

from __future__ import annotations

import signal
import subprocess

from tests.waiting import PATIENCE


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
