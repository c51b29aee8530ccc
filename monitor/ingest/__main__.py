"""`python -m monitor.ingest`: record what happens on the broker, until told to stop."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import django

from swf_common_lib.errors import ConfigurationError


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

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ingest.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
