"""`python -m monitor.ingest`: record what happens on the broker, until told to stop."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

import django

from swf_common_lib.errors import ConfigurationError

# A batch makes tens of thousands of objects that all live until it is recorded: to look through
# them for cycles every 700, as Python does by itself, takes a third of the time and finds none.
OBJECTS_BETWEEN_COLLECTIONS = 50_000


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

    collect_rarely()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ingest.run()
    return 0


def collect_rarely() -> None:
    """Let Python look for cycles rarely, and never among what is loaded already."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


if __name__ == "__main__":
    raise SystemExit(main())
