"""The time zone of this host, by its name."""

from __future__ import annotations

import os
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

LOCALTIME = Path("/etc/localtime")
NAME_FILE = Path("/etc/timezone")


def server_zone_name() -> str:
    """Give the zone's IANA name: from TZ, else as the host is configured, else UTC."""
    for name in _candidates():
        try:
            zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
        # Django insists on finding it here, and would not start without.
        if Path("/usr/share/zoneinfo", name).exists() or not Path("/usr/share/zoneinfo").exists():
            return name
    return "UTC"


def _candidates() -> Iterator[str]:
    if name := os.environ.get("TZ", "").lstrip(":"):
        yield name.partition("zoneinfo/")[2] or name
    if LOCALTIME.is_symlink():
        yield str(LOCALTIME.resolve()).partition("zoneinfo/")[2]
    if NAME_FILE.is_file():
        yield NAME_FILE.read_text(encoding="utf-8", errors="replace").strip()
