"""Commands that need the monitor's database: Django's management commands.

A module in a folder ``management/commands`` is one. Django is set up before it is imported, so
that it imports the records at its top like any other module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line
from django.core.management.base import BaseCommand

from swf_common_lib.errors import TestbedError


class MonitorCommand(BaseCommand):
    """A command without Django's checks, which import the whole web, and without its options."""

    requires_system_checks = ()
    suppressed_base_arguments = {
        "--force-color",
        "--no-color",
        "--pythonpath",
        "--settings",
        "--traceback",
        "--verbosity",
        "--version",
    }


def run_command(arguments: Sequence[str]) -> int:
    """Run a command, and return its exit status: 0 done, 1 an error, which is printed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    try:
        execute_from_command_line(["python -m monitor", *arguments])
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
