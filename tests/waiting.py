"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a test waits for what has to come: far more than it takes on a slow, busy machine.

Nobody waits that long for what does come.
"""


def wait_until(condition: Callable[[], T], timeout: float = PATIENCE, message: str = "") -> T:
    """Call ``condition`` until its result is true, and return that; fail after ``timeout`` s."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(message or f"not so within {timeout} s: {condition}")
        time.sleep(0.01)
