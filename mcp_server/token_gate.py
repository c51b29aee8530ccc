"""No request over HTTP without a valid token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_server.callers import Caller
from swf_common_lib.errors import NotAuthenticated, TestbedError

Verify = Callable[[str], Awaitable[Caller]]
"""Gives whose key it is; raises NotAuthenticated for an unknown or revoked one."""

_HINT = "Send 'Authorization: Bearer <key>'; `testbed token` prints the operator's key."

_SCHEMES = ("bearer", "token")


class TokenGate:
    """ASGI middleware: lets a request pass with its caller noted in it, or answers 401."""

    def __init__(self, app: ASGIApp, verify: Verify) -> None:
        self._app = app
        self._verify = verify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        key = _key(Request(scope).headers.get("authorization", ""))
        try:
            if not key:
                raise NotAuthenticated("the request has no token", _HINT)
            caller = await self._verify(key)
        except TestbedError as error:
            await _refusal(error)(scope, receive, send)
            return
        # In the SDK's own terms, so that a session belongs to the token that opened it.
        token = AccessToken(
            token="", client_id=caller.name, scopes=[caller.scope], subject=caller.name
        )
        await self._app({**scope, "user": AuthenticatedUser(token)}, receive, send)


def _key(header: str) -> str:
    scheme, _, key = header.partition(" ")
    return key.strip() if scheme.lower() in _SCHEMES else ""


def _refusal(error: TestbedError) -> JSONResponse:
    headers = {"WWW-Authenticate": 'Bearer realm="testbed"'} if error.http_status == 401 else None
    return JSONResponse(error.problem(), error.http_status, headers)
