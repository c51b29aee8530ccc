"""Messages that cannot be used: malformed ones, and good ones over which a handler raises."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import stomp

from swf_common_lib.config import load_testbed_file
from swf_common_lib.messaging import BROADCAST
from tests.monitor_database import MonitorDatabase
from tests.system.faults.faulty import CHECKED, PROGRAM
from tests.system.faults.run import Run
from tests.system.faults.watched import EMBEDDED, WatchedStack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

FRAMES = 1_000
"""Of each kind."""
NO_FRAMES = (
    b"SEND\ndestination\n\nno colon\0",
    b"\xff\xfe\x00\x01",
    b"GARBAGE\nx:y\n\n\0",
    b"SEND\ndestination:/topic/epictopic\ncontent-length:-5\n\n{}\0",
    b"SEND\ndestination:/topic/epictopic\ncontent-length:many\n\n{}\0",
    b"\0\0\0\n\n\n\0",
    b"ACK\nid:none\n\n\0",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
)
"""What a broker cannot take for frames, or not for allowed ones."""
NO_MESSAGES = (
    b'{"msg_type": "stf_gen"',
    b"\x80\x81",
    b"",
    b"[1, 2]",
    b"null",
    b'{"msg_type": 7}',
    b'{"msg_type": "end_run", "total_stf_files": "all"}',
    b"[" * 10_000,
)
"""Bodies in good frames."""


@contextmanager
def connected(watched: WatchedStack) -> Iterator[stomp.Connection12]:
    """Yield a connection as any program that knows the password can open it."""
    settings = watched.settings
    connection = stomp.Connection12(
        [(settings.activemq_host, settings.activemq_port)],
        auto_content_length=False,
        auto_decode=False,
    )
    connection.connect(settings.activemq_user, settings.activemq_password, wait=True)
    yield connection
    connection.disconnect(receipt="bye")


def send_no_frames(watched: WatchedStack) -> None:
    """Send invalid bytes to the broker, some after a login; it may disconnect at any time."""
    settings = watched.settings
    login = (
        f"CONNECT\naccept-version:1.2\nhost:x\nlogin:{settings.activemq_user}\n"
        f"passcode:{settings.activemq_password}\n\n\0"
    ).encode()
    for number in range(FRAMES // len(NO_FRAMES)):
        with socket.create_connection((settings.activemq_host, settings.activemq_port)) as talk:
            talk.settimeout(10)
            with suppress(OSError):
                for frame in (login if number % 2 else b"", *NO_FRAMES):
                    talk.sendall(frame)


def send_no_messages(watched: WatchedStack) -> None:
    """Send invalid bodies in valid frames, and wait for the broker's receipt."""
    namespace = load_testbed_file(watched.settings.swf_testbed_config).namespace
    headers = {"persistent": "true", "namespace": namespace, "msg_type": "stf_gen"}
    with connected(watched) as connection:
        for number in range(FRAMES):
            body = NO_MESSAGES[number % len(NO_MESSAGES)]
            connection.send(str(BROADCAST), body, headers=headers)


def malformed(watched: WatchedStack) -> int:
    """Return the number of recorded messages that cannot be parsed."""
    question = "SELECT COUNT(*) FROM records_workflowmessage WHERE problem <> ''"
    ((count,),) = MonitorDatabase(watched.settings).ask(question)
    return int(count)


def test_malformed_frames(watched: WatchedStack) -> None:
    pids, before = watched.pids(), malformed(watched)

    def cause() -> Collection[int]:
        send_no_frames(watched)
        send_no_messages(watched)
        return ()

    run = watched.begin()
    run.suffer(f"{FRAMES} malformed frames", cause)
    wait_until(
        lambda: malformed(watched) == before + FRAMES,
        PATIENCE,
        "what cannot be understood is not on record, each once",
    )
    run.finish()
    watched.check_next_run()
    assert watched.pids() == pids


class DeadLetters(stomp.ConnectionListener):  # type: ignore[misc]
    """Receives the dead letters, and records which STF files they are about."""

    def __init__(self) -> None:
        self.filenames: set[str] = set()

    def on_message(self, frame: Any) -> None:
        with suppress(ValueError, RecursionError):
            body = json.loads(frame.body)
            if isinstance(body, dict) and body.get("msg_type") == "stf_gen":
                self.filenames.add(str(body.get("filename")))


@contextmanager
def dead_letters(watched: WatchedStack) -> Iterator[set[str]]:
    """Yield the set of the dead letters' files, which grows as they arrive."""
    listener = DeadLetters()
    with connected(watched) as connection:
        connection.set_listener("", listener)
        connection.subscribe("/queue/ActiveMQ.DLQ", "dead")
        yield listener.filenames


@pytest.mark.enough_on(EMBEDDED)
def test_a_handler_that_raises(watched: WatchedStack) -> None:
    """It raises over every other STF file: those are dead letters, with the others it goes on."""
    watched.run(["start-agents", PROGRAM])
    pid = watched.pid(PROGRAM)
    run = watched.begin()

    def cause() -> Collection[int]:
        run.go_on(4)
        return ()

    run.suffer("a handler that raises", cause)
    run.finish()

    rows = watched.ledger.settle(run.since).rows
    generated = [b for _, b in rows if b["msg_type"] == "stf_gen" and b["run_id"] == run.run_id]
    raised = {body["filename"] for body in generated if body["sequence"] % 2}
    kept = {body["filename"] for body in generated} - raised
    with dead_letters(watched) as dead:
        wait_until(lambda: dead >= raised, PATIENCE, "not all are dead letters")
        assert not dead & kept
    wait_until(lambda: checked(run) == Counter(kept), PATIENCE, "it did not go on with the others")
    log = watched.log(PROGRAM)
    assert "failed (try 3 of 3)" in log
    assert "RuntimeError: no use for" in log
    assert watched.pid(PROGRAM) == pid
    watched.run(["stop-agents", PROGRAM])
    watched.check_next_run()


def checked(run: Run) -> Counter[str]:
    """Return the number of the faulty agent's messages about each STF file of a run."""
    rows = run.watched.ledger.settle(run.since).rows
    said = [body for _, body in rows if body["msg_type"] == CHECKED]
    return Counter(body["filename"] for body in said if body["run_id"] == run.run_id)
