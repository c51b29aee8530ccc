"""Notifying clients that a resource or a task changed, in both versions of the protocol.

2026-07-28: `subscriptions/listen`, a request whose answer is the stream. 2025-11-25:
`resources/subscribe`, and notifications on the stream that the connection holds open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import require_client_extension
from mcp.server.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    InMemorySubscriptionBus,
    ResourceUpdated,
    ServerEvent,
)
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import event_matches, event_to_notification
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    EmptyResult,
    Notification,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from mcp_server.push.watcher import Watcher
from mcp_server.tasks import IDENTIFIER, Task
from mcp_server.uris import execution_resource, uri_problem

MOST_STREAMS = 1024
MOST_WAITING = 256
"""Changes that are held for a client that does not read; with one more its stream is ended."""
MOST_OF_ONE = 100
"""Resources and tasks that one subscription may name."""
_TASK_IDS = "taskIds"

RequestContext = ServerRequestContext[Any, Any]
FindTask = Callable[[str, RequestContext], Awaitable[Task | None]]


class Subscriptions:
    """Serves both ways to subscribe; the watcher looks for changes of what is subscribed to."""

    def __init__(self, bus: InMemorySubscriptionBus, watcher: Watcher, find_task: FindTask) -> None:
        self._bus = bus
        self._watcher = watcher
        self._find_task = find_task
        self._streams: set[MemoryObjectSendStream[ServerEvent]] = set()
        self._by_connection: dict[Connection, _ConnectionSubscriptions] = {}

    async def listen(
        self, ctx: RequestContext, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one `subscriptions/listen`: acknowledge, then send what changes, until the end."""
        if ctx.request_id is None:
            raise MCPError(INVALID_REQUEST, "subscriptions/listen needs a request id")
        honoured = await self._honoured(ctx, params.notifications)
        tasks = {execution_resource(task_id): task_id for task_id in _task_ids(honoured)}
        watched = [*(honoured.resource_subscriptions or ()), *tasks]
        uris = frozenset(watched)
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        send, receive = anyio.create_memory_object_stream[ServerEvent](MOST_WAITING)

        def deliver(event: ServerEvent) -> None:
            if event_matches(honoured, uris, event):
                try:
                    send.send_nowait(event)
                except (
                    anyio.WouldBlock
                ):  # nothing is replayed: the client subscribes and reads anew
                    self._streams.discard(send)
                    send.close()
                except anyio.ClosedResourceError:
                    pass  # the stream is ending

        leave = self._bus.subscribe(deliver)
        self._streams.add(send)
        try:
            await self._watcher.add(watched)
            acknowledged = SubscriptionsAcknowledgedNotificationParams(
                notifications=honoured, _meta=meta
            )
            await ctx.session.send_notification(
                SubscriptionsAcknowledgedNotification(params=acknowledged), ctx.request_id
            )
            await self._forward(ctx, receive, honoured, tasks, meta)
        finally:
            leave()
            self._watcher.discard(watched)
            self._streams.discard(send)
            send.close()
            receive.close()
        return SubscriptionsListenResult(_meta=meta)

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """Serve `resources/subscribe`: from now on the connection is notified of changes."""
        connection = ctx.session._connection  # the SDK has no public name for it
        uri = _checked(str(params.uri))
        subscribed = self._by_connection.get(connection)
        if subscribed is None:
            subscribed = self._by_connection[connection] = _ConnectionSubscriptions(
                connection, self._bus
            )
            connection.exit_stack.push_async_callback(self._forget, connection)
        if uri not in subscribed.uris:
            if len(subscribed.uris) >= MOST_OF_ONE:
                raise MCPError(INVALID_PARAMS, f"a connection subscribes to {MOST_OF_ONE} at most")
            subscribed.uris.add(uri)
            await self._watcher.add([uri])
        return EmptyResult()

    async def unsubscribe(
        self, ctx: RequestContext, params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Serve `resources/unsubscribe`; a URI that was not subscribed to is no error."""
        subscribed = self._by_connection.get(ctx.session._connection)
        uri = str(params.uri)
        if subscribed is not None and uri in subscribed.uris:
            subscribed.uris.discard(uri)
            self._watcher.discard([uri])
        return EmptyResult()

    def close(self) -> None:
        """End every listen stream in order: its result is the last frame."""
        for stream in list(self._streams):
            stream.close()

    async def _forget(self, connection: Connection) -> None:
        subscribed = self._by_connection.pop(connection, None)
        if subscribed is not None:
            subscribed.close()
            self._watcher.discard(list(subscribed.uris))

    async def _honoured(self, ctx: RequestContext, asked: SubscriptionFilter) -> SubscriptionFilter:
        """Return the part of a subscription that is accepted; raise MCPError for a wrong one."""
        uris, task_ids = list(asked.resource_subscriptions or ()), _task_ids(asked)
        if _TASK_IDS in (asked.model_extra or {}):
            require_client_extension(ctx, IDENTIFIER)
        if len(self._streams) >= MOST_STREAMS:
            raise MCPError(INTERNAL_ERROR, "too many subscriptions are open")
        if len(uris) + len(task_ids) > MOST_OF_ONE:
            raise MCPError(INVALID_PARAMS, f"a subscription names {MOST_OF_ONE} things at most")
        uris = [_checked(uri) for uri in uris]
        known = [t for t in task_ids if await self._find_task(t, ctx) is not None]
        return SubscriptionFilter(
            tools_list_changed=asked.tools_list_changed or None,
            prompts_list_changed=asked.prompts_list_changed or None,
            resources_list_changed=asked.resources_list_changed or None,
            resource_subscriptions=uris or None,
            **({_TASK_IDS: known} if known else {}),
        )

    async def _forward(
        self,
        ctx: RequestContext,
        receive: MemoryObjectReceiveStream[ServerEvent],
        honoured: SubscriptionFilter,
        tasks: dict[str, str],
        meta: dict[str, Any],
    ) -> None:
        plain = frozenset(honoured.resource_subscriptions or ())
        async for event in receive:
            if event_matches(honoured, plain, event):
                notification = event_to_notification(event, meta)
                await ctx.session.send_notification(notification, ctx.request_id)
            if isinstance(event, ResourceUpdated) and event.uri in tasks:
                task = await self._find_task(tasks[event.uri], ctx)
                if task is not None:
                    await ctx.session.send_notification(
                        _task_notification(task, meta), ctx.request_id
                    )


class _ConnectionSubscriptions:
    """What one connection of the older protocol subscribed to, notified on its open stream."""

    def __init__(self, connection: Connection, bus: InMemorySubscriptionBus) -> None:
        self.uris: set[str] = set()
        self._connection = connection
        self._leave = bus.subscribe(self._deliver)
        self._sending: dict[str, asyncio.Task[None]] = {}

    def _deliver(self, event: ServerEvent) -> None:
        if not isinstance(event, ResourceUpdated) or event.uri not in self.uris:
            return
        before = self._sending.get(event.uri)
        if before is None or before.done():  # else the client has not yet read that it changed
            self._sending[event.uri] = asyncio.create_task(
                self._connection.send_resource_updated(event.uri)
            )

    def close(self) -> None:
        """Send no more notifications."""
        self._leave()
        for task in self._sending.values():
            task.cancel()


def _checked(uri: str) -> str:
    """Return ``uri``; raise MCPError for one that no resource can have."""
    if problem := uri_problem(uri):
        raise MCPError(INVALID_PARAMS, f"cannot subscribe: {problem}")
    return uri


def _task_ids(wish: SubscriptionFilter) -> Sequence[str]:
    given = (wish.model_extra or {}).get(_TASK_IDS)
    return [str(one) for one in given] if isinstance(given, list) else []


def _task_notification(task: Task, meta: dict[str, Any]) -> Any:
    return Notification[dict[str, Any], str](
        method="notifications/tasks", params={**task.detail(), "_meta": meta}
    )
