"""`python -m monitor.database_check`: how the database stands, as JSON; `testbed doctor` runs it.

It needs no running monitor. The exit status is 1 when the database cannot be reached.
"""

from __future__ import annotations

import json
import os
import sys

import django
from django.db import Error as DatabaseFault

from swf_common_lib.errors import TestbedError


def main() -> int:
    """Print the state; give the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    try:
        django.setup()
        from django.conf import settings

        from monitor.database_server import require_answer
        from monitor.records.database_state import database_state

        testbed = settings.TESTBED
        if not testbed.swf_database_url and not testbed.database_file.is_file():
            # To look at it would make it.
            print(f"there is no database {testbed.database_file}", file=sys.stderr)
            return 1
        require_answer()
        state = database_state()
    except (TestbedError, DatabaseFault) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(state))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
