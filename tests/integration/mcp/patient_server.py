"""The MCP server as it is, but for the time that it gives connections to end in order."""

from __future__ import annotations

import django

from monitor.command import run_command
from tests.waiting import PATIENCE


def main() -> int:
    """Serve until told to end; return the exit status."""
    django.setup()  # with the settings that the environment names
    from mcp_server.http import service

    service.GRACE = PATIENCE
    service._LAST_RESORT = int(PATIENCE)
    return run_command(["serve_mcp"])


if __name__ == "__main__":
    raise SystemExit(main())
