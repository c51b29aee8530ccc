"""``/healthz``: the process serves. Answered by the event loop itself, for monitor and MCP server.

It asks no database and waits for no thread: a load balancer that restarts a process whose database
is away would only do harm. Whether it can do its work is ``/readyz``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PATH = "/healthz"
_BODY = b"ok\n"

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def asks(scope: Message) -> bool:
    """Return whether a request is for ``/healthz``."""
    return bool(scope["type"] == "http" and scope["path"] == PATH)


async def answer(scope: Message, send: Send) -> None:
    """Answer such a request."""
    allowed = scope["method"] in ("GET", "HEAD")
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    if not allowed:
        headers.append((b"allow", b"GET, HEAD"))
    status = 200 if allowed else 405
    body = _BODY if scope["method"] == "GET" else b""
    headers.append((b"content-length", str(len(_BODY) if allowed else 0).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class WithHealthz:
    """ASGI middleware: answers ``/healthz``, and passes on everything else."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if asks(scope):
            await answer(scope, send)
        else:
            await self._app(scope, receive, send)
