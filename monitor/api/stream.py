"""Messages as server-sent events, as they are recorded."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

from monitor.api.authentication import token_of
from monitor.api.permissions import require_scope
from monitor.api.problems import as_json, as_testbed_error
from monitor.records.models import WorkflowMessage
from monitor.records.queries.selections import MESSAGES
from swf_common_lib.errors import InvalidRequest, TestbedError
from swf_common_lib.states import TokenScope

POLL_INTERVAL = 0.3
HEART_BEAT = 15.0
BATCH = 500
"""Messages that one query reads at most."""
_LAST_ID = "last_event_id"
_FILTERS = {
    "msg_type": "message_type",
    "agent": "sender_agent",
    "run_id": "run_id",
    "namespace": "namespace",
    "execution_id": "execution_id",
}
"""The stream's parameters, and the names of the same filters in the list of messages."""
_PLURALS = {"msg_types": "msg_type", "agents": "agent", "run_ids": "run_id"}

logger = logging.getLogger(__name__)


@dataclass
class Stream:
    """One client, and its position: the id of the last message that it has seen."""

    filters: dict[str, str]
    position: int
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    since: float = field(default_factory=time.time)

    def following(self) -> list[WorkflowMessage]:
        """Return the next messages and move past them; none while the database does not answer.

        Messages that do not match the filters are passed too, so they are not searched again.
        """
        try:
            newest = _newest()
            if newest <= self.position:
                return []
            rows = MESSAGES.select(self.filters).filter(pk__gt=self.position)
            found = list(rows.order_by("id")[:BATCH])
            last = found[-1].pk if found else 0
            self.position = last if len(found) == BATCH else max(last, newest)
            return found
        except DatabaseError as error:
            logger.warning("a stream waits for the database: %s", error)
            connection.close()
            return []
        finally:
            close_old_connections()  # no request ends on this thread, so Django does not


@lru_cache(maxsize=1)
def open_streams() -> dict[str, Stream]:
    """Return the streams that this process serves now, by client."""
    return {}


async def stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Stream messages from now on, or from the one after ``Last-Event-ID``."""
    if request.method != "GET":
        return HttpResponse(status=405, headers={"Allow": "GET"})
    try:
        opened = await _in_thread(_open)(request)
    except (TestbedError, DatabaseError) as error:
        problem = as_testbed_error(error)
        if problem is None:
            raise
        return as_json(problem)
    response = StreamingHttpResponse(_events(opened), content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy must not hold events back
    return response


@require_GET
def stream_status(request: HttpRequest) -> HttpResponse:
    """Return who listens to the stream, with which filters."""
    try:
        _require_reader(request)
    except TestbedError as error:
        return as_json(error)
    streams = list(open_streams().values())
    return JsonResponse(
        {
            "connected_clients": len(streams),
            "client_ids": [opened.client_id for opened in streams],
            "client_filters": {opened.client_id: opened.filters for opened in streams},
        }
    )


def _require_reader(request: HttpRequest) -> None:
    token = token_of(request)
    user = token.user if token is not None else getattr(request, "user", None)
    require_scope(user, token, TokenScope.READ)


def _open(request: HttpRequest) -> Stream:
    try:
        return _begun(request)
    finally:
        close_old_connections()  # no request ends on this thread, so Django does not


def _begun(request: HttpRequest) -> Stream:
    _require_reader(request)
    asked = {_PLURALS.get(name, name): str(value) for name, value in request.GET.items()}
    resume = request.headers.get("Last-Event-ID") or asked.pop(_LAST_ID, "")
    filters = _filters(asked)
    MESSAGES.select(filters)
    if resume and not (resume.isdecimal() and len(resume) < 19):
        raise InvalidRequest(f"Last-Event-ID {resume!r} is not the id of an event of this stream")
    return Stream(filters, int(resume) if resume else _newest())


def _newest() -> int:
    """Return the id of the message that was recorded last; 0 before the first."""
    return WorkflowMessage.objects.aggregate(newest=Max("id"))["newest"] or 0


def _filters(asked: Mapping[str, str]) -> dict[str, str]:
    filters = {}
    for name, value in asked.items():
        if name not in _FILTERS:
            raise InvalidRequest(
                f"the stream cannot be filtered by {name!r}",
                f"It can be by {', '.join(_FILTERS)}; several values separated by commas.",
            )
        filters[_FILTERS[name]] = value
    return filters


async def _events(opened: Stream) -> AsyncIterator[bytes]:
    open_streams()[opened.client_id] = opened
    quiet_since = time.monotonic()
    fetch = _in_thread(opened.following)
    try:
        yield _event("connected", {"client_id": opened.client_id, "status": "connected"})
        while True:
            rows = await fetch()
            if rows:
                quiet_since = time.monotonic()
                yield b"".join(_event(_name(row), _body(row), row.pk) for row in rows)
                if len(rows) == BATCH:
                    continue
            elif time.monotonic() - quiet_since >= HEART_BEAT:
                quiet_since = time.monotonic()
                yield b": heart-beat\n" + _event("heartbeat", {"timestamp": time.time()})
            await asyncio.sleep(POLL_INTERVAL)
    finally:
        open_streams().pop(opened.client_id, None)


def _in_thread(function: Any) -> Any:
    # Not on the request's own thread, which would be kept for as long as the stream is open.
    return sync_to_async(function, thread_sensitive=False)


def _name(row: WorkflowMessage) -> str:
    return row.message_type.replace("\r", " ").replace("\n", " ") or "message"


def _body(row: WorkflowMessage) -> dict[str, Any]:
    return {
        **row.content,
        "msg_type": row.message_type,
        "sender_agent": row.sender_agent,
        "queue_name": row.destination.rpartition("/")[2],
        "sent_at": row.sent_at.isoformat(),
    }


def _event(name: str, data: Mapping[str, Any], number: int | None = None) -> bytes:
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {json.dumps(data)}\n\n".encode()
