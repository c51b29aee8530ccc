"""`python -m mcp_server`: serve MCP over HTTP, or with `--stdio` on standard input and output."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any

import anyio
from django.conf import settings

from mcp_server.application import Application
from mcp_server.http.service import serve_http
from mcp_server.server import build_server
from monitor.command import MonitorCommand
from monitor.executions.announcer import announcer


class Command(MonitorCommand):
    """Serves until told to end."""

    help = "serve MCP over HTTP, or with --stdio on standard input and output"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.prog = "python -m mcp_server"
        parser.add_argument(
            "--stdio",
            action="store_true",
            help="serve one client on standard input and output, as this machine's operator",
        )
        parser.add_argument(
            "--read-only", action="store_true", help="offer nothing that changes anything"
        )
        parser.add_argument(
            "--toolsets",
            default="",
            metavar="SET,...",
            help="offer the tools of these sets alone: status, workflows, control, executions, "
            "agents, messages, data, logs",
        )

    def handle(self, *, stdio: bool, read_only: bool, toolsets: str, **options: Any) -> None:
        """Serve."""
        logging.getLogger("mcp").setLevel(logging.WARNING)
        names = [name.strip() for name in toolsets.split(",") if name.strip()]
        application = Application(settings.TESTBED)
        try:
            server = build_server(application, toolsets=names, read_only=read_only)
            with suppress(KeyboardInterrupt):
                if stdio:
                    anyio.run(server.run_stdio_async)
                else:
                    serve_http(server, application)
        finally:
            application.close()
            announcer().close()
