"""Serving MCP over streamable HTTP."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import ASGIApp

from mcp_server.application import Application
from mcp_server.callers import Caller
from mcp_server.server import TestbedServer
from mcp_server.token_gate import TokenGate
from monitor.records.tokens import verify_token
from orchestrator.ports import LOOPBACK, listen
from swf_common_lib.settings import Settings

_LAST_RESORT = 1
"""Seconds after which connections that did not end are dropped."""


def serve_http(server: TestbedServer, application: Application) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable when the port is taken."""
    settings = application.settings
    port = settings.swf_mcp_port
    config = uvicorn.Config(
        http_app(server, application),
        host=settings.swf_listen,
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
        sockets=[listen("SWF_MCP_PORT", port, "the MCP server", settings.swf_listen)]
    )


def http_app(server: TestbedServer, application: Application) -> ASGIApp:
    """Give the ASGI application: the MCP endpoint at ``/mcp`` behind the token gate."""

    async def verify(key: str) -> Caller:
        return await application.database(_caller_with, key)

    app = server.streamable_http_app(
        host=LOOPBACK, transport_security=_request_rules(application.settings)
    )
    return TokenGate(app, verify)


def _request_rules(settings: Settings) -> TransportSecuritySettings:
    """Take requests for the names of this installation alone: no page elsewhere may send them."""
    names = ["127.0.0.1", "localhost", "[::1]", *settings.host_names]
    forms = [form for name in names for form in (name, f"{name}:*")]
    return TransportSecuritySettings(
        allowed_hosts=forms,
        allowed_origins=[f"{scheme}://{form}" for form in forms for scheme in ("http", "https")],
    )


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
        self._server.subscriptions.close()
        self._application.stop()
