"""`python -m monitor.ingest`: record what happens on the broker, until told to stop."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

import django

from swf_common_lib.errors import ConfigurationError

# A batch makes tens of thousands of objects that all live until it is recorded. Python's default,
# a garbage collection every 700 objects, takes a third of the time and finds nothing.
OBJECTS_BETWEEN_COLLECTIONS = 50_000
SWITCH_INTERVAL = 0.0002
"""Seconds after which the reading thread hands the interpreter to the writing one. With Python's
default of 5 ms, each of dozens of database answers in a batch could wait that long."""


def main() -> int:
    """Run ingest until SIGTERM or SIGINT; the batch at hand is finished first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    try:
        django.setup()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2

    from django.conf import settings

    from monitor.ingest.service import Ingest

    ingest = Ingest(settings.TESTBED)

    def stop(_number: int, _frame: FrameType | None) -> None:
        ingest.stop()

    tune_interpreter()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ingest.run()
    return 0


def tune_interpreter() -> None:
    """Make garbage collection rare, and switches between the two threads frequent."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    sys.setswitchinterval(SWITCH_INTERVAL)


if __name__ == "__main__":
    raise SystemExit(main())
