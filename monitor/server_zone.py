"""The time zone of this host."""

from __future__ import annotations

import logging
from datetime import timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal import get_localzone

_ZONES = Path("/usr/share/zoneinfo")

logger = logging.getLogger(__name__)


def server_zone() -> tzinfo:
    """Return the zone that TZ names, else the one that the host is configured for, else UTC."""
    try:
        return get_localzone()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        logger.warning("the time zone of this host is taken for UTC: %s", error)
        return timezone.utc


def server_zone_name() -> str:
    """Return the IANA name of the server's zone; UTC for one without a name."""
    name = str(server_zone())
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"
    # Django insists on finding it here, and would not start without.
    return name if (_ZONES / name).exists() or not _ZONES.exists() else "UTC"
