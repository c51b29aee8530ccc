"""The broker's statistics: messages per destination, and connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orchestrator.embedded_broker.destinations import Destinations
from orchestrator.embedded_broker.message_queue import MessageQueue

STATISTICS = "/queue/testbed.broker.statistics"
"""A message sent here with a ``reply-to`` is answered with JSON."""


def statistics(destinations: Destinations, connections: int, failure: str) -> bytes:
    """Return queues, topics, the number of connections and the store's failure as JSON."""
    durables = destinations.durables.values()
    return json.dumps(
        {
            "destinations": list(_destination_rows(destinations)),
            "connections": connections,
            "durable_subscriptions": [
                {
                    "client_id": queue.client_id,
                    "name": queue.name,
                    "destination": queue.destination,
                    "selector": queue.selector,
                    "pending": queue.waiting + queue.unacknowledged,
                    "connected": bool(queue.consumers),
                }
                for queue in durables
            ],
            "store": {"failure": failure},
        }
    ).encode()


def _destination_rows(destinations: Destinations) -> Iterator[dict[str, Any]]:
    for queue in destinations.queues.values():
        yield _row(queue.destination, [queue], queue.enqueued)
    for topic in destinations.topics.values():
        yield _row(topic.name, topic.subscriptions, topic.enqueued)


def _row(destination: str, queues: list[Any], enqueued: int) -> dict[str, Any]:
    parts: list[MessageQueue] = queues
    return {
        "destination": destination,
        "depth": sum(queue.waiting for queue in parts),
        "unacknowledged": sum(queue.unacknowledged for queue in parts),
        "consumers": sum(len(queue.consumers) for queue in parts),
        "enqueued": enqueued,
        "dequeued": sum(queue.dequeued for queue in parts),
    }
