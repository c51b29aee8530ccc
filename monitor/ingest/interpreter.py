"""How the Python interpreter is set for ingest."""

from __future__ import annotations

import gc
import sys

# A batch makes tens of thousands of objects that all live until it is recorded. Python's default,
# a garbage collection every 700 objects, takes a third of the time and finds nothing.
OBJECTS_BETWEEN_COLLECTIONS = 50_000
SWITCH_INTERVAL = 0.0002
"""Seconds after which the reading thread hands the interpreter to the writing one. With Python's
default of 5 ms, each of dozens of database answers in a batch could wait that long."""


def tune_interpreter() -> None:
    """Make garbage collection rare, and switches between the two threads frequent."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL)
