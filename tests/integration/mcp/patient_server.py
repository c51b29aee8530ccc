"""The MCP server as it is, but for the time that it gives connections to end in order."""

from __future__ import annotations

import os

import django

from tests.waiting import PATIENCE


def main() -> int:
    """Serve until told to end; give the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    django.setup()

    from mcp_server import __main__
    from mcp_server.http import service as http_service

    http_service.GRACE = PATIENCE
    http_service._LAST_RESORT = int(PATIENCE)
    return __main__.main([])


if __name__ == "__main__":
    raise SystemExit(main())
