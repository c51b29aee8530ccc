"""The monitor as an ASGI application.

Django's own ASGI handler uses, for each request, a new thread, a new database connection and
several switches between the event loop and the thread; that costs more than most of our answers.
Here one of a few threads, which keep their connections, answers the whole request. Only streams,
which last long, go through Django's asynchronous handler.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import set_script_prefix

from monitor.diagnosis.recent import RecentLooks
from monitor.probes import healthz
from monitor.probes.metrics import Metrics
from monitor.probes.request_times import note_request
from monitor.probes.views import SCOPE_KEY
from monitor.web import looks

STREAMS = ("/api/messages/stream/",)
THREADS = 8


class _Whole(BaseHandler):
    """Django's synchronous chain of middleware and view."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)


class MonitorHandler(ASGIHandler):
    """Answers requests on a pool of threads."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = _Whole()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._metrics = Metrics(settings.TESTBED)
        self._looks = RecentLooks()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if healthz.asks(scope):
            await healthz.answer(scope, send)
            return
        scope[SCOPE_KEY] = self._metrics
        scope[looks.SCOPE_KEY] = self._looks
        if scope["type"] != "http" or scope["path"] in STREAMS:
            await super().__call__(scope, receive, send)
            return
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            began = time.perf_counter()
            request, refusal = self.create_request(scope, body)
            loop = asyncio.get_running_loop()
            response: Any = refusal
            if request is not None:
                response = await loop.run_in_executor(
                    self._threads, self._respond, request, get_script_prefix(scope)
                )
                seconds = time.perf_counter() - began
                note_request(self._metrics.request_times, request, response.status_code, seconds)
            await self.send_response(response, send)
        finally:
            body.close()

    def _respond(self, request: ASGIRequest, prefix: str) -> HttpResponseBase:
        """Return the answer, made on this thread from Django's first signal to its last."""
        set_script_prefix(prefix)
        request_started.send(sender=self.__class__, scope=request.scope)
        response = self._whole.get_response(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        try:
            return _whole(response)
        finally:
            response.close()  # sends request_finished, which closes broken connections


def _whole(response: HttpResponseBase) -> HttpResponseBase:
    """Return a response with all its content: files are read on this thread, not on the loop's."""
    if not isinstance(response, StreamingHttpResponse) or response.is_async:
        return response
    content = b"".join(cast("Iterator[bytes]", response.streaming_content))
    whole = HttpResponse(content, status=response.status_code, reason=response.reason_phrase)
    whole.headers = response.headers
    whole.cookies = response.cookies
    return whole
