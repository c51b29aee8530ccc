"""What waits in the broker's queues, by the queues that the testbed has a role for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from orchestrator.embedded_broker.destinations import DEAD_LETTERS
from orchestrator.queue_depths import QueueDepth, Reading
from swf_common_lib.roles import ROLES, role_of_queue

OTHER = "other"
"""All other queues together: a broker may have any number of them."""


def queue_metrics(reading: Reading) -> Iterator[Metric]:
    """Yield depths and consumers of each queue; nothing of a broker that does not tell."""
    known = GaugeMetricFamily("swf_queues_known", "Whether the broker says how much waits.")
    known.add_metric((), float(not reading.unknown))
    yield known
    if reading.unknown:
        return
    waiting = GaugeMetricFamily(
        "swf_queue_messages_waiting", "Messages that no consumer was given.", labels=("queue",)
    )
    in_hand = GaugeMetricFamily(
        "swf_queue_messages_in_hand", "Messages given and not acknowledged.", labels=("queue",)
    )
    consumers = GaugeMetricFamily("swf_queue_consumers", "Consumers.", labels=("queue",))
    for label, depths in _by_label(reading).items():
        waiting.add_metric((label,), sum(depth.waiting for depth in depths))
        in_hand.add_metric((label,), sum(depth.in_hand for depth in depths))
        consumers.add_metric((label,), sum(depth.consumers for depth in depths))
    yield from (waiting, in_hand, consumers)


def _by_label(reading: Reading) -> dict[str, list[QueueDepth]]:
    ours = sorted({role.queue for role in ROLES.values() if role.queue} | {DEAD_LETTERS})
    grouped: dict[str, list[QueueDepth]] = {label: [] for label in (*ours, OTHER)}
    for name, depth in reading.queues.items():
        role = role_of_queue(name)
        label = role.queue if role else name if name in grouped else OTHER
        grouped[label].append(depth)
    return grouped
