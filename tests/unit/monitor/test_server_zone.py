"""The server's zone, found in a process of its own: tzlocal looks once for each process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE

PROGRAM = "from monitor.server_zone import server_zone_name; print(server_zone_name())"
READING = """
import datetime, django
django.setup()
from monitor.ingest.times import parse_time
print(parse_time("2026-07-01T12:00:00", datetime.datetime.min).isoformat())
"""


def zone(value: str, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TZ": value, "DJANGO_SETTINGS_MODULE": "monitor.settings"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("GMT", "GMT"),
        ("Antarctica/Troll", "Antarctica/Troll"),
        (":/usr/share/zoneinfo/America/New_York", "America/New_York"),
    ],
)
def test_the_zone_of_the_environment(value: str, name: str) -> None:
    found = zone(value)
    assert (found.stdout.strip(), found.stderr) == (name, "")


@pytest.mark.parametrize("value", ["nonsense", "America", "../etc", "EST+5"])
def test_a_zone_that_is_none_is_told(value: str) -> None:
    found = zone(value)
    assert found.stdout.strip() == "UTC"
    assert "the time zone of this host is taken for UTC" in found.stderr


def test_a_message_without_a_zone_is_of_the_servers() -> None:
    assert zone("America/New_York", READING).stdout.strip() == "2026-07-01T16:00:00+00:00"
