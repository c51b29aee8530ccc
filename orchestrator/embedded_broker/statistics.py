"""The broker's statistics: messages per destination, and connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orchestrator.embedded_broker.box import Box
from orchestrator.embedded_broker.destinations import Destinations

STATISTICS = "/queue/testbed.broker.statistics"
"""A message sent here with a ``reply-to`` is answered with JSON."""


def statistics(destinations: Destinations, connections: int, failure: str) -> bytes:
    """Return queues, topics, the number of connections and the store's failure as JSON."""
    durables = destinations.durables.values()
    return json.dumps(
        {
            "destinations": list(_rows(destinations)),
            "connections": connections,
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
            "store": {"failure": failure},
        }
    ).encode()


def _rows(destinations: Destinations) -> Iterator[dict[str, Any]]:
    for queue in destinations.queues.values():
        yield _row(queue.destination, [queue], queue.enqueued)
    for topic in destinations.topics.values():
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
