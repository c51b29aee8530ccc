"""Streams that a client holds open for notifications, and how they end with the server."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class OpenStreams:
    """ASGI middleware: ends the responses to GET requests in order when the server ends.

    The SDK sees a client that has gone; the client sees the end of the response. Streams are not
    stored, so the header that asks to resume one is removed: the SDK would answer it with 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End the open streams, and any that is opened later. To be called on the event loop."""
        self._ended.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        headers = [header for header in scope["headers"] if header[0] != b"last-event-id"]
        await serve_until(self._ended, self._app, {**scope, "headers": headers}, receive, send)


async def serve_until(
    ended: asyncio.Event, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serve one request until it or ``ended`` comes first; the response then ends in order."""
    open_ = False

    async def noted(message: Message) -> None:
        nonlocal open_
        body = message["type"] == "http.response.body"
        open_ = message.get("more_body", False) if body else True
        await send(message)

    await app(scope, _received_until(ended, receive), noted)
    if open_:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _received_until(end: asyncio.Event, receive: Receive) -> Receive:
    async def received() -> Message:
        coming = asyncio.ensure_future(receive())
        ended = asyncio.ensure_future(end.wait())
        try:
            await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "http.disconnect"}
        finally:
            coming.cancel()
            ended.cancel()

    return received
