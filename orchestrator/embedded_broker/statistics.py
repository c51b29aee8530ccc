"""The broker's statistics: messages per destination, and connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.embedded_broker.box import Box

if TYPE_CHECKING:
    from orchestrator.embedded_broker.server import Server

STATISTICS = "/queue/testbed.broker.statistics"
"""A message sent here with a ``reply-to`` is answered with JSON."""


def statistics(server: Server) -> bytes:
    """Return queues, topics and connections as JSON."""
    durables = server.destinations.durables.values()
    return json.dumps(
        {
            "destinations": list(_destinations(server)),
            "connections": len(server.sessions),
            "durable_subscriptions": [
                {
                    "client_id": box.client_id,
                    "name": box.name,
                    "destination": box.destination,
                    "selector": box.selector,
                    "pending": box.waiting + box.unacknowledged,
                    "connected": bool(box.consumers),
                }
                for box in durables
            ],
            "store": {"failure": server.store.failure},
        }
    ).encode()


def _destinations(server: Server) -> Iterator[dict[str, Any]]:
    for queue in server.destinations.queues.values():
        yield _row(queue.destination, [queue], queue.enqueued)
    for topic in server.destinations.topics.values():
        yield _row(topic.name, topic.boxes, topic.enqueued)


def _row(destination: str, boxes: list[Any], enqueued: int) -> dict[str, Any]:
    parts: list[Box] = boxes
    return {
        "destination": destination,
        "depth": sum(box.waiting for box in parts),
        "unacknowledged": sum(box.unacknowledged for box in parts),
        "consumers": sum(len(box.consumers) for box in parts),
        "enqueued": enqueued,
        "dequeued": sum(box.dequeued for box in parts),
    }
