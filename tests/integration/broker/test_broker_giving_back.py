"""Giving a message back in order is no failed delivery."""

from __future__ import annotations

from tests.integration.broker.client import Client


def test_given_back_often_it_is_still_delivered(shared_embedded, unique):
    one = Client(shared_embedded)
    queue = f"/queue/{unique}"
    one.send(queue, "a")
    for _ in range(10):
        one.subscribe(queue)
        assert one.next().body == "a"
        one.unsubscribe()
    one.subscribe(queue)
    frame = one.next()
    assert frame.body == "a"
    assert frame.headers["redelivered"] == "true"
    assert "redelivery-count" not in frame.headers
