"""Delete old messages, logs and events.

`testbed prune` runs it. It may run while everything runs, and be stopped at any moment.
"""

from __future__ import annotations

import getpass
import re
from argparse import ArgumentParser
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from django.db import Error

from monitor.command import MonitorCommand
from monitor.database_server import reason, unhurried
from monitor.records.retention import SHORTEST, delete_old, old_rows
from monitor.records.transitions import record_event
from swf_common_lib.errors import InvalidRequest, Unavailable

_AGE = re.compile(r"(?P<number>\d{1,4})(?P<unit>[hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Command(MonitorCommand):
    """Deletes, or counts what it would delete."""

    help = "delete old messages, log records and events"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.prog = "testbed prune"
        parser.add_argument("--older-than", required=True, metavar="AGE", help="such as 30d or 8w")
        parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")

    def handle(self, *, older_than: str, dry_run: bool, **options: Any) -> None:
        """Prune."""
        self.stdout.write(_pruned(older_than, dry_run=dry_run))


def _pruned(age: str, *, dry_run: bool) -> str:
    before = _moment(age)
    try:
        with unhurried():
            if dry_run:
                counts = {table: rows.count() for table, rows in old_rows(before).items()}
                return f"would delete {_listed(counts)}"
            deleted: Counter[str] = Counter(dict.fromkeys(old_rows(before), 0))
            for portion in delete_old(before):
                deleted[portion.table] += portion.rows
            told = f"{_listed(deleted)} from before {before:%Y-%m-%d %H:%M} UTC"
            record_event("", "records_pruned", actor=getpass.getuser(), via="cli", reason=told)
    except Error as error:
        raise Unavailable(
            f"the database does not let old records be deleted: {reason(error)}",
            "What was deleted so far is gone; run it again for the rest.",
        ) from error
    return f"deleted {told}"


def _moment(age: str) -> datetime:
    match = _AGE.fullmatch(age)
    passed = timedelta(**{_UNITS[match["unit"]]: int(match["number"])}) if match else timedelta()
    if passed < SHORTEST:
        raise InvalidRequest(
            f"--older-than {age}: expected an age of a day or more",
            "Write it as 30d, 8w or 48h.",
        )
    return datetime.now(timezone.utc) - passed


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {table}" for table, count in counts.items())
