"""How many messages a second ingest records on SQLite, beside what the database takes at most."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from swf_common_lib.messaging import BROADCAST, Delivery, Subscription

CHECKOUT = Path(__file__).parents[2]
RUN = 100_001
SLICES = 15


def ingest(messages: int = 40_000, database: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Record a backlog of messages, and the same rows bare.

    ``database``: the settings of an empty PostgreSQL database; a fresh SQLite file without them.

    ``messages_per_second``: the whole of ingest's work but for the connection to the broker, as the
    service does it (one thread parses; one takes batches, leaves out what is known, draws rows,
    commits), on a mix as fast processing makes it. ``limit_per_second``: the rows of
    the messages' table alone, ready made, into the same schema: on SQLite by one ``executemany`` a
    batch, on PostgreSQL by one ``COPY``.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            **(database or {}),
            "SWF_RUNTIME_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "monitor.settings",
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bench_ingest", str(messages)],
            cwd=CHECKOUT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def backlog(messages: int) -> list[Delivery]:
    """Return a mix of messages: STFs written and ready, samples registered, slices done."""
    subscription = Subscription("bench", BROADCAST, "client", 0, "", "", queue.SimpleQueue())
    return [
        Delivery(json.dumps(body).encode(), {}, subscription, generation=1)
        for number in range(messages // 4)
        for body in _of_stf(number)
    ]


class Backlog:
    """Returns deliveries without delay, as many as a broker would send unacknowledged."""

    def __init__(self, deliveries: Iterable[Delivery], prefetch: int) -> None:
        self._deliveries = iter(deliveries)
        self._allowed = threading.Semaphore(prefetch)

    def receive(self, timeout: float) -> Delivery | None:
        """Return the next delivery; None when there is none, or too many are not acknowledged."""
        return next(self._deliveries, None) if self._allowed.acquire(timeout=timeout) else None

    def wake(self) -> None:
        """Make a ``receive`` that waits return."""
        self._allowed.release()

    def acknowledge(self, number: int) -> None:
        """Make room for as many more deliveries."""
        self._allowed.release(number)


def _of_stf(number: int) -> list[dict[str, Any]]:
    name = f"swf.{RUN}.{number:06d}"
    envelope = {
        "namespace": "bench",
        "sender": "workflow-runner-bench-1",
        "execution_id": "stf_datataking-bench-0001",
        "run_id": str(RUN),
        "timestamp": "2026-01-01T00:00:00.000000+00:00",
        "simulation_tick": 2.0 * number,
        "time_scale": 0.0,
        "state": "run",
        "substate": "physics",
    }
    bodies: list[dict[str, Any]] = [
        {"msg_type": "stf_gen", "filename": f"{name}.stf", "sequence": number},
        {
            "msg_type": "stf_ready",
            "filename": f"{name}.stf",
            "size_bytes": 1 << 30,
            "checksum": "0a1b2c3d",
            "sequence": number,
            "tf_count": 1000,
        },
        {
            "msg_type": "tf_file_registered",
            "tf_filename": f"{name}_tf_000.tf",
            "stf_filename": f"{name}.stf",
            "tf_first": 10,
            "tf_last": 59,
            "tf_count": 50,
        },
        {
            "msg_type": "slice_status",
            "slices": [
                {
                    "tf_filename": f"{name}_tf_000.tf",
                    "slice_id": 0,
                    "status": "completed",
                    "worker": "worker-1",
                    "started_tick": 2.0 * number,
                    "finished_tick": 2.0 * number + 30,
                }
            ],
        },
    ]
    return [{**envelope, **body, "message_id": f"{number}-{body['msg_type']}"} for body in bodies]


def _measure(messages: int) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from monitor.ingest.collector import BATCH_LIMIT
    from monitor.records.models import WorkflowMessage

    deliveries = backlog(messages)
    seconds = _recording_seconds(deliveries)
    assert WorkflowMessage.objects.count() == len(deliveries)
    limit = _bare_seconds(BATCH_LIMIT)
    return {
        "messages": len(deliveries),
        "messages_per_second": round(len(deliveries) / seconds),
        "limit_per_second": round(len(deliveries) / limit),
        "ratio": round(limit / seconds, 3),
    }


def _recording_seconds(deliveries: Sequence[Delivery]) -> float:
    from monitor.ingest.batch import record_batch
    from monitor.ingest.collector import Collector
    from monitor.ingest.interpreter import tune_interpreter
    from monitor.ingest.reader import MessageReader
    from monitor.ingest.service import PREFETCH

    tune_interpreter()
    source = Backlog(deliveries, PREFETCH)
    reader = MessageReader(source)
    collector = Collector(reader)
    recorded = 0
    started = time.perf_counter()
    with reader.reading():
        while recorded < len(deliveries):
            batch = collector.collect(1.0)
            recorded += record_batch([read.entry for read in batch]).new
            source.acknowledge(len(batch))
            collector.done()
        return time.perf_counter() - started


def _bare_seconds(batch: int) -> float:
    """Write the same rows once more into the emptied table; return the seconds."""
    from django.db import connection

    from monitor.records.models import WorkflowMessage

    table = WorkflowMessage._meta.db_table
    write = _copy if connection.vendor == "postgresql" else _execute_many
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        rows = cursor.fetchall()
        cursor.execute(f"DELETE FROM {table}")
    raw = connection.connection
    started = time.perf_counter()
    for start in range(0, len(rows), batch):
        write(raw, table, rows[start : start + batch])
    return time.perf_counter() - started


def _execute_many(raw: Any, table: str, rows: list[Any]) -> None:
    marks = ", ".join(["?"] * len(rows[0]))
    raw.execute("BEGIN IMMEDIATE")
    raw.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    raw.execute("COMMIT")


def _copy(raw: Any, table: str, rows: list[Any]) -> None:
    with raw.transaction(), raw.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
