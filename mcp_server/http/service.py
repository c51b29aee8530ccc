"""Serving MCP over streamable HTTP."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp

from mcp_server.application import Application
from mcp_server.callers import Caller
from mcp_server.http.streams import OpenStreams
from mcp_server.http.token_gate import TokenGate
from mcp_server.server import TestbedServer
from monitor.probes.healthz import WithHealthz
from monitor.records.tokens import verify_token
from orchestrator.ports import LOOPBACK, listen
from swf_common_lib.settings import Settings

GRACE = 0.5
"""Seconds that connections have to end in order; those still open then are dropped."""
_LAST_RESORT = 1
"""Seconds after which calls are cancelled that still run although their client is gone."""

logger = logging.getLogger(__name__)


def serve_http(server: TestbedServer, application: Application) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable when the port is taken."""
    settings = application.settings
    port = settings.swf_mcp_port
    streams = OpenStreams(http_app(server, application))
    # It would cut every stream at once, even one on which an answer is about to be sent.
    AppStatus.enable_automatic_graceful_drain = False
    config = uvicorn.Config(
        streams,
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
    _HttpServer(config, server, application, streams).run(
        sockets=[listen("SWF_MCP_PORT", port, "the MCP server", settings.swf_listen)]
    )


def http_app(server: TestbedServer, application: Application) -> ASGIApp:
    """Return the ASGI application: ``/healthz``, and ``/mcp`` behind the token gate."""

    async def verify(key: str) -> Caller:
        return await application.tokens(_caller_with, key)

    app = server.streamable_http_app(
        host=LOOPBACK, transport_security=_request_rules(application.settings)
    )
    return WithHealthz(TokenGate(app, verify))


def _request_rules(settings: Settings) -> TransportSecuritySettings:
    """Return the rules that refuse requests from pages of other sites: only our host names."""
    names = ["127.0.0.1", "localhost", "[::1]", *settings.host_names]
    forms = [form for name in names for form in (name, f"{name}:*")]
    return TransportSecuritySettings(
        allowed_hosts=forms,
        allowed_origins=[f"{scheme}://{form}" for form in forms for scheme in ("http", "https")],
    )


def _caller_with(key: str) -> Caller:
    token = verify_token(key)
    return Caller(token.user.get_username(), token.scope)


class _HttpServer(uvicorn.Server):
    """A uvicorn server that ends at once, however many streams are open."""

    def __init__(
        self,
        config: uvicorn.Config,
        server: TestbedServer,
        application: Application,
        streams: OpenStreams,
    ) -> None:
        super().__init__(config)
        self._server = server
        self._application = application
        self._streams = streams
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
        self._streams.end()
        asyncio.get_running_loop().call_later(GRACE, self._drop)

    def _drop(self) -> None:
        """Drop connections whose request has not ended by now, as if their client had gone."""
        left = list(self.server_state.connections)
        if left:
            logger.warning(
                "dropped, as they did not end within %s s: connections: %d", GRACE, len(left)
            )
        for connection in left:
            connection.transport.abort()
