"""Report how the database stands, as JSON; `testbed doctor` runs it.

It needs no running monitor. When the database cannot be reached, the JSON says why and what to do.
"""

from __future__ import annotations

import json
import os

import django
from django.db import Error as DatabaseFault

from swf_common_lib.errors import NotFound, TestbedError


def main() -> int:
    """Print the state, or the problem; give the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    try:
        django.setup()
        from django.conf import settings

        from monitor.database_server import require_answer
        from monitor.health.database import database_state

        testbed = settings.TESTBED
        if not testbed.swf_database_url and not testbed.database_file.is_file():
            # To look at it would make it.
            raise NotFound(f"there is no database {testbed.database_file}", "Run `testbed init`.")
        require_answer()
        told = database_state()
    except TestbedError as error:
        told = {"problem": error.detail, "remedy": error.hint}
    except DatabaseFault as error:
        told = {"problem": " ".join(str(error).split()), "remedy": ""}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
