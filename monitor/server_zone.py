"""The name of this host's time zone."""

from __future__ import annotations

import logging
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tzlocal import get_localzone

_ZONES = Path("/usr/share/zoneinfo")
_FALLBACK = "UTC"

logger = logging.getLogger(__name__)


def server_zone_name() -> str:
    """Return the zone's IANA name: from TZ, else as the host is configured, else UTC."""
    try:
        name = str(get_localzone())
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        logger.warning("the time zone of this host is taken for %s: %s", _FALLBACK, error)
        return _FALLBACK
    # Django needs it in this folder, and would not start without it.
    known = (_ZONES / name).exists() or not _ZONES.exists()
    return name if known else _FALLBACK
