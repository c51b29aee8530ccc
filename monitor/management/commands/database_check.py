"""Report how the database stands, as JSON; `testbed doctor` runs it.

It needs no running monitor. When the database cannot be reached, the JSON says why and what to do.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault

from monitor.command import MonitorCommand
from monitor.database_server import require_answer
from monitor.health.database import database_state
from swf_common_lib.errors import NotFound, TestbedError


class Command(MonitorCommand):
    """Prints the state, or the problem."""

    help = "print how the database stands, as JSON"

    def handle(self, **options: Any) -> None:
        """Report."""
        try:
            told = _state()
        except TestbedError as error:
            told = {"problem": error.detail, "remedy": error.hint}
        except DatabaseFault as error:
            told = {"problem": " ".join(str(error).split()), "remedy": ""}
        self.stdout.write(json.dumps(told))


def _state() -> dict[str, Any]:
    testbed = settings.TESTBED
    if not testbed.swf_database_url and not testbed.database_file.is_file():
        # To look at it would make it.
        raise NotFound(f"there is no database {testbed.database_file}", "Run `testbed init`.")
    require_answer()
    return database_state()
