"""What the broker refuses is counted, with its words, for health to find."""

from __future__ import annotations

import pytest

from swf_common_lib.messaging import Queue
from tests.integration.messaging.conftest import MakeBus
from tests.waiting import PATIENCE, wait_until


@pytest.mark.parametrize("own", ["embedded"], indirect=True)
def test_what_the_broker_refuses_is_counted_with_its_words(make_bus: MakeBus, work: Queue) -> None:
    """The embedded broker knows no wildcards; ActiveMQ sends to every queue that fits."""
    bus = make_bus()
    assert bus.wait_connected(PATIENCE)
    assert bus.status().refused == 0
    bus.publish(Queue(f"{work.name}.>"), {"msg_type": "hello"})
    wait_until(lambda: bus.status().refused > 0)
    status = bus.status()
    assert status.refusal
    assert status.refused_at > 0
