"""Serving MCP over streamable HTTP on this machine's loopback interface."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from mcp_server.application import Application
from mcp_server.callers import Caller
from mcp_server.server import TestbedServer
from mcp_server.token_gate import TokenGate
from monitor.records.tokens import verify_token
from orchestrator.ports import LOOPBACK, listen

_LAST_RESORT = 1
"""Seconds after which connections that did not end are dropped."""


def serve_http(server: TestbedServer, application: Application) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable when the port is taken."""
    port = application.settings.swf_mcp_port
    config = uvicorn.Config(
        http_app(server, application),
        host=LOOPBACK,
        port=port,
        http="h11",  # httptools lets white space in header names pass
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_LAST_RESORT,
    )
    _Service(config, server, application).run(
        sockets=[listen("SWF_MCP_PORT", port, "the MCP server")]
    )


def http_app(server: TestbedServer, application: Application) -> ASGIApp:
    """Give the ASGI application: the MCP endpoint at ``/mcp`` behind the token gate."""

    async def verify(key: str) -> Caller:
        return await application.database(_caller_with, key)

    return TokenGate(server.streamable_http_app(host=LOOPBACK), verify)


def _caller_with(key: str) -> Caller:
    token = verify_token(key)
    return Caller(token.user.get_username(), token.scope)


class _Service(uvicorn.Server):
    """A uvicorn server that ends at once, however many streams are open."""

    def __init__(
        self, config: uvicorn.Config, server: TestbedServer, application: Application
    ) -> None:
        super().__init__(config)
        self._server = server
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On a signal, end what would otherwise keep its connection open."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_streams)

    def _end_streams(self) -> None:
        self._server.listeners.close()
        self._application.stop()
