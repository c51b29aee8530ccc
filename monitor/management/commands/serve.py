"""`python -m monitor serve`: REST and web UI, with the sweeper beside them."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from monitor.command import MonitorCommand
from monitor.server import serve


class Command(MonitorCommand):
    """Serves until SIGTERM or SIGINT."""

    help = "serve REST and web UI, until told to stop"

    def handle(self, **options: Any) -> None:
        """Serve."""
        serve(settings.TESTBED)
