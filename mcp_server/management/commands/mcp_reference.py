"""`python -m monitor mcp_reference`: write the description of all tools into the documents."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from mcp_server.reference import documents
from monitor.command import MonitorCommand


class Command(MonitorCommand):
    """Writes the reference in docs/mcp.md and the list in the manifest of the MCPB bundle."""

    help = "write the description of all MCP tools into the documents of this checkout"

    def handle(self, **options: Any) -> None:
        """Write."""
        for path, text in documents(settings.TESTBED).items():
            path.write_text(text, encoding="utf-8")
