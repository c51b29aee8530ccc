"""The outbox keeps every message until its receipt, in order, across connections."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st
from stomp.utils import parse_frame

from swf_common_lib.messaging import frames
from swf_common_lib.messaging.outbox import WINDOW_MESSAGES, Latency, Outbox
from tests.waiting import PATIENCE

CLOSING = threading.Event()


def add(outbox: Outbox, body: str, latency: Latency | None = None) -> int:
    head = frames.send_head({"destination": "/topic/t"})
    return outbox.add(head, body.encode(), CLOSING, latency)


def sent(data: bytes) -> list[tuple[str, str, str]]:
    """Return command, body and receipt of each frame."""
    parsed = [parse_frame(piece) for piece in data.split(b"\0")[:-1]]
    return [(f.cmd, f.body.decode(), f.headers.get("receipt", "")) for f in parsed]


def test_window_asks_for_one_receipt_on_its_last_message() -> None:
    outbox = Outbox(limit=10)
    for body in "abc":
        add(outbox, body)
    assert sent(outbox.next_window()) == [("SEND", "a", ""), ("SEND", "b", ""), ("SEND", "c", "3")]
    outbox.confirm(3)
    assert len(outbox) == 0
    assert outbox.wait_confirmed(3, 0)


def test_each_publisher_has_its_own_latency() -> None:
    outbox, one, other = Outbox(limit=10), Latency(), Latency()
    for latency in (one, None, other, one):
        add(outbox, "x", latency)
    outbox.next_window()
    outbox.confirm(3)
    assert (one.messages, other.messages) == (1, 1)
    outbox.confirm(4)
    assert (one.messages, other.messages) == (2, 1)
    assert 0 <= one.mean <= one.longest
    assert Latency().mean == 0


def test_while_the_broker_is_busy_messages_gather_for_one_receipt() -> None:
    outbox = Outbox(limit=100)
    for body in "ab":
        add(outbox, body)
        assert len(sent(outbox.next_window())) == 1
    for body in "cde":
        add(outbox, body)
    assert not outbox.has_work()
    assert outbox.next_window() == b""
    outbox.confirm(1)
    assert sent(outbox.next_window()) == [("SEND", "c", ""), ("SEND", "d", ""), ("SEND", "e", "5")]


def test_unconfirmed_messages_are_sent_again_in_order_before_new_ones() -> None:
    outbox = Outbox(limit=10)
    for body in "ab":
        add(outbox, body)
    outbox.next_window()
    add(outbox, "c")
    outbox.restart(generation=2)
    assert [body for _, body, _ in sent(outbox.next_window())] == ["a", "b", "c"]


def test_ack_waits_for_the_messages_it_depends_on() -> None:
    outbox = Outbox(limit=10)
    outbox.restart(generation=1)
    add(outbox, "reaction")
    outbox.add_ack(frames.acknowledgement("ACK", "m:1"), generation=1, after=1)
    assert [command for command, _, _ in sent(outbox.next_window())] == ["SEND"]
    assert not outbox.has_work()
    outbox.confirm(1)
    assert outbox.next_window() == b"ACK\nid:m\\c1\n\n\0"


def test_ack_of_a_lost_connection_is_dropped() -> None:
    outbox = Outbox(limit=10)
    outbox.add_ack(frames.acknowledgement("ACK", "old"), generation=1, after=0)
    outbox.restart(generation=2)
    outbox.add_ack(frames.acknowledgement("ACK", "new"), generation=2, after=0)
    assert outbox.next_window() == b"ACK\nid:new\n\n\0"


def test_publisher_waits_while_too_much_is_unconfirmed() -> None:
    outbox = Outbox(limit=1)
    add(outbox, "a")
    added = threading.Event()

    def add_another() -> None:
        add(outbox, "b")
        added.set()

    thread = threading.Thread(target=add_another)
    thread.start()
    assert not added.wait(0.05)
    outbox.next_window()
    outbox.confirm(1)
    assert added.wait(PATIENCE)
    thread.join()


def test_windows_are_bounded() -> None:
    outbox = Outbox(limit=10_000)
    for _ in range(WINDOW_MESSAGES + 1):
        add(outbox, "x")
    assert len(sent(outbox.next_window())) == WINDOW_MESSAGES
    assert len(sent(outbox.next_window())) == 1


@given(st.lists(st.sampled_from(["add", "send", "confirm", "lose"]), max_size=60))
def test_broker_gets_every_message_in_order_whatever_happens(steps: list[str]) -> None:
    """A broker that keeps what it confirmed, and may lose the rest, has all in the end."""
    outbox = Outbox(limit=1_000)
    kept: list[str] = []
    received: list[tuple[int, str]] = []
    generation = 0
    added = 0

    def receive() -> None:
        for _, body, receipt in sent(outbox.next_window()):
            received.append((int(receipt or 0), body))

    def confirm() -> None:
        receipts = [index for index, (receipt, _) in enumerate(received) if receipt]
        if receipts:
            kept.extend(body for _, body in received[: receipts[-1] + 1])
            outbox.confirm(received[receipts[-1]][0])
            del received[: receipts[-1] + 1]

    for step in steps:
        if step == "add":
            added += 1
            add(outbox, str(added))
        elif step == "send":
            receive()
        elif step == "confirm":
            confirm()
        else:
            generation += 1
            received.clear()
            outbox.restart(generation)
    while len(outbox):
        outbox.restart(generation + 1)
        received.clear()
        receive()
        confirm()
    assert kept == [str(number + 1) for number in range(added)]


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_header_values_survive_any_text(headers: dict[str, str]) -> None:
    frame = parse_frame(frames.send_head(headers) + b"\n")
    assert frame.headers == headers
