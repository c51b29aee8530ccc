"""No request over HTTP without a valid token."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.callers import Caller
from mcp_server.http.streams import serve_until
from swf_common_lib.errors import NotAuthenticated, TestbedError, TookTooLong, Unavailable

Verify = Callable[[str], Awaitable[Caller]]
"""Return the owner of a key; raise NotAuthenticated for an unknown or revoked one."""

FRESH = 1.0
"""Seconds for which a checked token is not looked up again: a revocation takes effect then."""
CHECKED_EVERY = 3.0
"""Seconds between two checks of the token of a long request."""
REMEMBERED = 600.0
"""Seconds for which a checked token stays valid while the database cannot be asked."""
_MOST_REMEMBERED = 1000
_HINT = "Send 'Authorization: Bearer <key>'; `testbed token` prints the operator's key."
_SCHEMES = ("bearer", "token")

logger = logging.getLogger(__name__)


class TokenGate:
    """ASGI middleware: adds the caller to a request and lets it pass, or answers 401.

    A token is looked up at most once a second, and again while a request lasts. While the database
    is down that is impossible; a token that was valid in the last 10 minutes then passes, so that
    the server can say what is wrong.
    """

    def __init__(self, app: ASGIApp, verify: Verify) -> None:
        self._app = app
        self._verify = verify
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = _key(Request(scope).headers.get("authorization", ""))
        try:
            if not key:
                raise NotAuthenticated("the request has no token", _HINT)
            caller = await self._caller(key)
        except TestbedError as error:
            await _refused(error)(scope, receive, send)
            return
        # In the SDK's own terms, so that a session belongs to the token that opened it.
        token = AccessToken(
            token="", client_id=caller.name, scopes=[caller.scope], subject=caller.name
        )
        ended = asyncio.Event()
        looking_after = asyncio.create_task(self._end_with_token(key, caller, ended))
        try:
            with contextlib.suppress(ClientDisconnect):  # it left before its request was complete
                allowed = {**scope, "user": AuthenticatedUser(token)}
                await serve_until(ended, self._app, allowed, receive, send)
        finally:
            looking_after.cancel()

    async def _end_with_token(self, key: str, caller: Caller, ended: asyncio.Event) -> None:
        """End a long request (a stream, a wait) once its token is revoked or has another scope."""
        try:
            while not ended.is_set():
                await asyncio.sleep(CHECKED_EVERY)
                if await self._caller(key) != caller:
                    ended.set()
        except TestbedError as error:
            logger.info("a stream of %s ends: %s", caller.name, error.detail)
            ended.set()

    async def _caller(self, key: str) -> Caller:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        known, age = self._remembered(digest)
        if known is not None and age < FRESH:
            return known
        try:
            caller = await self._verify(key)
        except (Unavailable, TookTooLong):
            if known is None or age > REMEMBERED:
                raise
            return known
        except NotAuthenticated:
            self._known.pop(digest, None)
            raise
        self._known[digest] = (caller, time.monotonic())
        self._known.move_to_end(digest)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return caller

    def _remembered(self, digest: bytes) -> tuple[Caller | None, float]:
        """Return the caller that a key belongs to, and how many seconds ago that was checked."""
        caller, checked_at = self._known.get(digest, (None, 0.0))
        return caller, time.monotonic() - checked_at


def _key(header: str) -> str:
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() in _SCHEMES else ""


def _refused(error: TestbedError) -> JSONResponse:
    headers = {"WWW-Authenticate": 'Bearer realm="testbed"'} if error.http_status == 401 else None
    return JSONResponse(error.problem(), error.http_status, headers)
