"""`python -m mcp_server`: serve MCP over HTTP, or with `--stdio` on standard input and output."""

from __future__ import annotations

import argparse
import logging
import os
import sys

import anyio
import django

from mcp_server.application import Application
from swf_common_lib.errors import TestbedError
from swf_common_lib.settings import load_settings


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m mcp_server", description=__doc__)
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
    options = parser.parse_args(arguments)
    try:
        _serve(options)
    except TestbedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _serve(options: argparse.Namespace) -> None:
    settings = load_settings()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    django.setup()
    logging.getLogger("mcp").setLevel(logging.WARNING)

    from mcp_server.http.service import serve_http
    from mcp_server.server import build_server
    from monitor.executions.announcer import announcer

    application = Application(settings)
    try:
        server = build_server(
            application,
            toolsets=[name.strip() for name in options.toolsets.split(",") if name.strip()],
            read_only=options.read_only,
        )
        if options.stdio:
            anyio.run(server.run_stdio_async)
        else:
            serve_http(server, application)
    finally:
        application.close()
        announcer().close()


if __name__ == "__main__":
    raise SystemExit(main())
