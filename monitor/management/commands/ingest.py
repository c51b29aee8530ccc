"""`python -m monitor ingest`: record what happens on the broker, until told to stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.conf import settings

from monitor.command import MonitorCommand
from monitor.ingest.interpreter import tune_interpreter
from monitor.ingest.service import Ingest


class Command(MonitorCommand):
    """Runs until SIGTERM or SIGINT; the batch at hand is finished first."""

    help = "record what happens on the broker, until told to stop"

    def handle(self, **options: Any) -> None:
        """Record."""
        ingest = Ingest(settings.TESTBED)

        def stop(_number: int, _frame: FrameType | None) -> None:
            ingest.stop()

        tune_interpreter()
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        ingest.run()
