"""The embedded broker and bytes that stomp.py would not send."""

from __future__ import annotations

import socket
import struct
import time
from functools import partial
from pathlib import Path

import pytest

from tests.broker_process import start_broker
from tests.integration.broker.client import Client, Wire
from tests.waiting import wait_until


@pytest.fixture
def wire(shared_embedded):
    return partial(Wire, shared_embedded)


class TestMalformedFrames:
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (b"NONSENSE\n\n\0", b"not a STOMP command"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"not a STOMP command"),
            (b"SEND\nno colon\n\n\0", b"not a header line"),
            (b"SEND\n:no name\n\n\0", b"not a header line"),
            (b"SEND\ndestination:/queue/x\0", b"no empty line"),
            (b"SEND\ndestination:/queue/x\ncontent-length:many\n\nx\0", b"content-length"),
            (b"SEND\ndestination:/queue/x\ncontent-length:-1\n\nx\0", b"content-length"),
            (b"SEND\ndestination:/queue/x\ncontent-length:1\n\nxyz\0", b"longer"),
            (b"SEND\ndestination:/queue/x\ncontent-length:99999999\n\n", b"more than"),
            (b"SEND\ndestination:/queue/x\nbad:\\t\n\n\0", b"not an escape"),
            (b"SEND\ndestination:/queue/x\nbad:\xff\n\n\0", b"not UTF-8"),
            (b"SEND\n\nbody\0", b"lacks the header destination"),
            (b"SUBSCRIBE\nid:1\n\n\0", b"lacks the header destination"),
            (b"CONNECT\naccept-version:1.2\n\n\0", b"logged in"),
            (b"SEND\nbig:" + b"x" * 70_000 + b"\n\n\0", b"headers have more than"),
        ],
    )
    def test_get_an_error_and_end_that_connection_only(self, wire, data, said):
        other, bad = wire(), wire()
        bad.send(data)
        answer = bad.until_closed()
        assert answer.startswith(b"ERROR\n")
        assert said in answer
        other.send("SEND\ndestination:/topic/x\nreceipt:1\n\n\0")
        other.until(b"receipt-id:1")

    def test_the_error_names_the_receipt_that_was_asked_for(self, wire):
        one = wire()
        one.send("SEND\nreceipt:5\n\nbody\0")
        assert b"receipt-id:5\n" in one.until_closed()

    def test_nothing_goes_before_connect(self, wire):
        one = wire(login=False)
        one.send("SEND\ndestination:/queue/x\n\nbody\0")
        assert b"before CONNECT" in one.until_closed()

    def test_stomp_1_0_is_told_what_is_spoken(self, wire):
        one = wire(login=False)
        one.send("CONNECT\nlogin:x\npasscode:y\n\n\0")
        answer = one.until_closed()
        assert b"this broker speaks 1.1 and 1.2" in answer
        assert b"version:1.1,1.2" in answer

    @pytest.mark.parametrize("beat", ["often", "1", "-1,0", "1,2,3"])
    def test_a_heart_beat_that_is_none(self, wire, shared_embedded, beat):
        one = wire(login=False)
        one.send(
            f"CONNECT\naccept-version:1.2\nlogin:{shared_embedded.user}\n"
            f"passcode:{shared_embedded.password}\nheart-beat:{beat}\n\n\0"
        )
        assert b"heart-beat is not" in one.until_closed()

    def test_the_wrong_password_is_said_to_be_wrong(self, wire):
        one = wire(login=False)
        one.send("CONNECT\naccept-version:1.2\nlogin:testbed\npasscode:x\n\n\0")
        assert b"password is wrong" in one.until_closed()

    def test_a_second_client_id_is_said_to_be_in_use(self, wire, shared_embedded, unique):
        login = (
            f"CONNECT\naccept-version:1.2\nlogin:{shared_embedded.user}\n"
            f"passcode:{shared_embedded.password}\nclient-id:{unique}\n\n\0"
        )
        first, second = wire(login=False), wire(login=False)
        first.send(login)
        first.until(b"CONNECTED")
        second.send(login)
        assert f"'{unique}' is already connected".encode() in second.until_closed()


class TestRefusals:
    @pytest.mark.parametrize(
        ("frame", "said"),
        [
            ("SEND\ndestination:elsewhere\n", b"illegal destination"),
            ("SEND\ndestination:/queue/\n", b"illegal destination"),
            ("SEND\ndestination:/queue/a,/queue/b\n", b"neither wildcards"),
            ("SEND\ndestination:/remote-temp-queue/x\n", b"does not exist"),
            ("SEND\ndestination:/queue/x\nttl:soon\n", b"ttl is not a number"),
            ("SEND\ndestination:/queue/x\ntransaction:none\n", b"no transaction"),
            ("SUBSCRIBE\nid:1\ndestination:/topic/>\n", b"neither wildcards"),
            ("SUBSCRIBE\nid:1\ndestination:/queue/x\nack:maybe\n", b"ack is"),
            ("SUBSCRIBE\nid:1\ndestination:/queue/x\nactivemq.prefetchSize:0\n", b"prefetchSize"),
            (
                "SUBSCRIBE\nid:1\ndestination:/topic/x\nactivemq.subscriptionName:s\n",
                b"needs a client-id",
            ),
            ("SUBSCRIBE\nid:1\ndestination:/queue/x\nselector:a like b\n", b"selector"),
            ("UNSUBSCRIBE\nid:9\n", b"no subscription"),
            ("ACK\nid:1@1\n", b"unexpected ACK"),
            ("NACK\nid:" + "9" * 5000 + "@1\n", b"unexpected NACK"),
            ("COMMIT\ntransaction:none\n", b"no transaction"),
        ],
    )
    def test_name_the_receipt_and_leave_the_connection(self, wire, frame, said):
        one = wire()
        one.send(f"{frame}receipt:7\n\n\0SEND\ndestination:/topic/x\nreceipt:8\n\n\0")
        answer = one.until(b"receipt-id:8")
        assert answer.startswith(b"ERROR\n")
        assert said in answer
        assert b"receipt-id:7" in answer


class TestOddButGood:
    def test_carriage_returns_and_heart_beats_between_frames(self, wire, unique):
        one = wire()
        one.send(
            f"\r\n\nSUBSCRIBE\r\nid:1\r\ndestination:/queue/{unique}\r\n\r\n\0\n\r\n"
            f"SEND\r\ndestination:/queue/{unique}\r\nhead:er\r\n\r\nbo\r\n\r\ndy\0\n\n"
        )
        answer = one.until(b"MESSAGE")
        assert b"\nhead:er\n" in answer
        assert b"\n\nbo\r\n\r\ndy\0" in answer

    def test_frames_byte_by_byte(self, wire, unique):
        one = wire()
        frames = (
            f"SUBSCRIBE\nid:1\ndestination:/queue/{unique}\n\n\0"
            f"SEND\ndestination:/queue/{unique}\ncontent-length:3\n\na\0b\0"
        )
        for byte in frames.encode():
            one.send(bytes([byte]))
        assert b"\n\na\0b\0" in one.until(b"MESSAGE")

    def test_of_a_header_that_comes_twice_the_first_counts(self, wire, unique):
        one = wire()
        one.send(
            f"SUBSCRIBE\nid:1\ndestination:/queue/{unique}\n\n\0"
            f"SEND\ndestination:/queue/{unique}\nkey:first\nkey:second\n\n\0"
        )
        assert b"\nkey:first\n" in one.until(b"MESSAGE")

    def test_what_only_the_broker_says_cannot_be_forged(self, wire, unique):
        one = wire()
        one.send(
            f"SUBSCRIBE\nid:1\ndestination:/queue/{unique}\n\n\0"
            f"SEND\ndestination:/queue/{unique}\nredelivered:true\nmessage-id:mine\n"
            "subscription:9\nack:9\n\n\0"
        )
        answer = one.until(b"MESSAGE")
        assert b"redelivered" not in answer
        assert b"mine" not in answer
        assert answer.count(b"subscription:") == 1

    def test_ttl_becomes_expires(self, wire, unique):
        one = wire()
        one.send(
            f"SUBSCRIBE\nid:1\ndestination:/queue/{unique}\n\n\0"
            f"SEND\ndestination:/queue/{unique}\nttl:60000\n\n\0"
        )
        answer = one.until(b"MESSAGE")
        expires = int(answer.split(b"\nexpires:")[1].split(b"\n")[0])
        assert abs(expires / 1000 - 60 - time.time()) < 10

    def test_heart_beats_are_agreed(self, wire, shared_embedded):
        one = wire(login=False)
        one.send(
            f"CONNECT\naccept-version:1.0,1.1,1.2\nlogin:{shared_embedded.user}\n"
            f"passcode:{shared_embedded.password}\nheart-beat:30000,20000\n\n\0"
        )
        answer = one.until(b"CONNECTED")
        assert b"version:1.2\n" in answer
        assert b"heart-beat:20000,30000\n" in answer


class TestSilence:
    def test_a_client_that_promised_beats_and_is_silent_is_dropped(self, wire, shared_embedded):
        one = wire(login=False)
        one.send(
            f"CONNECT\naccept-version:1.2\nlogin:{shared_embedded.user}\n"
            f"passcode:{shared_embedded.password}\nheart-beat:200,0\n\n\0"
        )
        assert b"no heart-beat" in one.until_closed()


class TestSlowReaders:
    def test_one_that_does_not_read_holds_up_nobody(self, shared_embedded, wire, unique):
        slow = wire()
        slow.send(f"SUBSCRIBE\nid:1\ndestination:/topic/{unique}\n\n\0")
        other = wire()
        body = "x" * 100_000
        frame = f"SEND\ndestination:/topic/{unique}\n\n{body}\0"
        for number in range(100):
            other.send(frame.replace("\n\n", f"\nreceipt:{number}.\n\n", 1))
            other.until(f"receipt-id:{number}.".encode())
        total = 0
        while total < 100 * len(body):  # nothing of it is lost
            data = slow.socket.recv(1 << 20)
            assert data, shared_embedded.log
            total += len(data)

    def test_one_that_never_reads_is_ended(self, tmp_path: Path):
        broker = start_broker(tmp_path)
        try:
            slow, other = Wire(broker), Client(broker)
            slow.send("SUBSCRIBE\nid:1\ndestination:/topic/x\n\n\0")
            body = b"x" * 10_000_000
            for _ in range(25):
                other.send("/topic/x", body)
            wait_until(lambda: "not read fast enough" in broker.log)
            slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            slow.close()
            other.leave()
        finally:
            broker.stop()


def test_a_frame_above_the_limit_is_refused(tmp_path: Path):
    broker = start_broker(tmp_path, "--max-frame", "1000")
    try:
        for head in ("content-length:2000\n", ""):
            one = Wire(broker)
            one.send(f"SEND\ndestination:/queue/x\n{head}\n{'x' * 2000}\0")
            assert b"a frame has more than 1000 bytes" in one.until_closed()
    finally:
        broker.stop()
