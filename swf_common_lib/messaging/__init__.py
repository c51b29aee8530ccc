"""Messaging over STOMP: confirmed publishing, and subscriptions that survive a reconnect."""

from swf_common_lib.messaging.bus import BusStatus, MessageBus
from swf_common_lib.messaging.delivery import CUMULATIVE, INDIVIDUAL, Delivery, Subscription
from swf_common_lib.messaging.destinations import (
    BROADCAST,
    RUNNER_CONTROL,
    SLICE_RESULTS,
    SLICES,
    WORKERS,
    WORKFLOW_CONTROL,
    Destination,
    Queue,
    Topic,
    slice_queue,
)
from swf_common_lib.messaging.outbox import Latency

__all__ = [
    "BROADCAST",
    "CUMULATIVE",
    "INDIVIDUAL",
    "RUNNER_CONTROL",
    "SLICES",
    "SLICE_RESULTS",
    "WORKERS",
    "WORKFLOW_CONTROL",
    "BusStatus",
    "Delivery",
    "Destination",
    "Latency",
    "MessageBus",
    "Queue",
    "Subscription",
    "Topic",
    "slice_queue",
]
