"""`python -m tests.benchmarks.mcp_servers bare|testbed PORT`: a server with one trivial tool.

``bare``: the SDK alone, as its documentation shows it. ``testbed``: our server, which has the
tool besides its own; everything around it (token, thread pool, database) is as in production.
"""

from __future__ import annotations

import os
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer


async def trivial(number: int) -> int:
    """Return the number."""
    return number


def main(kind: str, port: int) -> None:
    """Serve on a loopback port until told to end."""
    if kind == "bare":
        _serve_bare(port)
    else:
        _serve_testbed()


def _serve_bare(port: int) -> None:
    server: MCPServer[None] = MCPServer("bare", log_level="WARNING")
    server.add_tool(trivial)
    app = server.streamable_http_app(host="127.0.0.1")
    uvicorn.run(app, port=port, http="h11", access_log=False, log_level="warning")


def _serve_testbed() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    django.setup()

    from mcp_server.application import Application
    from mcp_server.http.service import serve_http
    from mcp_server.server import build_server
    from monitor.executions.announcer import announcer
    from swf_common_lib.settings import load_settings

    application = Application(load_settings())
    server = build_server(application)
    server.add_tool(trivial)
    try:
        serve_http(server, application)
    finally:
        application.close()
        announcer().close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
