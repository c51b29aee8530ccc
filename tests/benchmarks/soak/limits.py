"""What broker and database do at most here: the same traffic without the testbed's own code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import stomp

from swf_common_lib.settings import Settings, load_settings
from tests.broker_process import ROOT

MESSAGES = 30_000
BODY_BYTES = 700
"""A slice's message and its result have about so many."""
ROWS_A_COPY = 200


def passages_per_second(settings: Settings) -> float:
    """Return persistent messages/s through an ActiveMQ queue, with two processes (send, receive).

    stomp.py alone; each message is acknowledged. A slice takes two such passages.
    """
    command = [sys.executable, "-m", "tests.benchmarks.soak.limits"]
    environ = {**os.environ, "SWF_HOME": str(settings.swf_home)}
    receiver = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE)
    try:
        assert receiver.stdout is not None
        receiver.stdout.readline()
        connection = _connection(settings)
        begun = time.perf_counter()
        body = json.dumps({"content": "x" * BODY_BYTES})
        for _ in range(MESSAGES):
            connection.send("/queue/bare", body, headers={"persistent": "true"})
        receiver.stdout.readline()
        seconds = time.perf_counter() - begun
        connection.disconnect()
    finally:
        receiver.kill()
        receiver.communicate()
    return MESSAGES / seconds


def rows_per_second(database: psycopg.Connection[Any]) -> float:
    """Return rows/s by COPY into a copy of the table of messages, with its indexes."""
    database.execute(
        "CREATE TABLE bare (LIKE records_workflowmessage INCLUDING INDEXES INCLUDING IDENTITY)"
    )
    content = json.dumps({"content": "x" * BODY_BYTES})
    columns = (
        "message_id, message_type, namespace, sender_agent, execution_id, run_id, destination,"
        " sent_at, received_at, content, problem"
    )
    now = "2026-01-01T00:00:00Z"
    begun = time.perf_counter()
    for start in range(0, MESSAGES, ROWS_A_COPY):
        with database.cursor() as cursor, cursor.copy(f"COPY bare ({columns}) FROM STDIN") as copy:
            for number in range(start, start + ROWS_A_COPY):
                row = (str(number), "bare", "bare", "bare", "bare", "1", "/topic/bare")
                copy.write_row((*row, now, now, content, ""))
    seconds = time.perf_counter() - begun
    database.execute("DROP TABLE bare")
    return MESSAGES / seconds


def _connection(settings: Settings) -> stomp.Connection12:
    address = (settings.activemq_host, settings.activemq_port)
    connection = stomp.Connection12([address], auto_content_length=False)
    connection.connect(settings.activemq_user, settings.activemq_password, wait=True)
    return connection


class _Taken(stomp.ConnectionListener):  # type: ignore[misc]
    def __init__(self, connection: stomp.Connection12) -> None:
        self.done = threading.Event()
        self._connection = connection
        self._count = 0

    def on_message(self, frame: Any) -> None:
        self._connection.ack(frame.headers["ack"])
        self._count += 1
        if self._count == MESSAGES:
            self.done.set()


def _receive() -> None:
    connection = _connection(load_settings())
    taken = _Taken(connection)
    connection.set_listener("taken", taken)
    prefetch = {"activemq.prefetchSize": "600"}
    connection.subscribe("/queue/bare", "1", "client-individual", headers=prefetch)
    print("ready", flush=True)
    taken.done.wait()
    print("done", flush=True)
    connection.disconnect()


if __name__ == "__main__":
    _receive()
