"""Names that differ between brokers are settings."""

from __future__ import annotations

import queue
from pathlib import Path

from swf_common_lib.messaging import BROADCAST, WORKFLOW_CONTROL, Subscription
from swf_common_lib.messaging.destinations import for_broker
from swf_common_lib.settings import load_settings

ARTEMIS = {
    "ACTIVEMQ_QUEUE_PREFIX": "anycast://",
    "ACTIVEMQ_TOPIC_PREFIX": "multicast://",
    "ACTIVEMQ_DURABLE_HEADER": "durable-subscription-name",
}


def test_destinations_have_the_prefixes_of_the_settings(tmp_path: Path) -> None:
    classic, artemis = load_settings(tmp_path, {}), load_settings(tmp_path, ARTEMIS)
    assert for_broker(BROADCAST, classic) == "/topic/epictopic"
    assert for_broker(BROADCAST, artemis) == "multicast://epictopic"
    assert for_broker(WORKFLOW_CONTROL, artemis) == "anycast://workflow_control"
    assert for_broker("/temp-queue/answers", artemis) == "/temp-queue/answers"


def test_durable_subscription_is_named_by_the_header_of_the_settings(tmp_path: Path) -> None:
    subscription = Subscription("1", BROADCAST, "client", 1000, "ingest", "", queue.SimpleQueue())
    for environ in ({}, ARTEMIS):
        name = load_settings(tmp_path, environ).activemq_durable_header
        assert subscription.headers(name)[name] == "ingest"
