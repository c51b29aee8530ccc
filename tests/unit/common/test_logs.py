"""Logging to the monitor: nothing accepted is lost, and nobody waits."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.logs import MonitorLogHandler, Spool
from tests.http_server import serving
from tests.ports import free_port
from tests.waiting import wait_until


class Records:
    """Keeps the log records that were posted, each once by its id."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Any]] = {}
        self.requests = 0

    def __call__(self, _method: str, path: str, body: Any) -> tuple[int, Any]:
        assert path == "/api/logs/"
        self.requests += 1
        records = body if isinstance(body, list) else [body]
        if any("refuse me" in record["message"] for record in records):
            return 400, {"detail": "record 0: message: refused"}
        self.by_id.update({record["record_id"]: record for record in records})
        return 201, []

    @property
    def messages(self) -> list[str]:
        return [record["message"] for record in self.by_id.values()]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.logs")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def test_records_arrive_in_batches_with_their_fields(
    logger: logging.Logger, tmp_path: Path
) -> None:
    records = Records()
    with serving(records) as url:
        handler = MonitorLogHandler("data", "data-agent-x-1", url, tmp_path)
        logger.addHandler(handler)
        for number in range(1_000):
            logger.info("record %d", number, extra={"execution_id": "e-1", "run_id": "100001"})
        wait_until(lambda: len(records.by_id) == 1_000)
        logger.removeHandler(handler)
        handler.close()
    assert records.requests < 200
    record = next(iter(records.by_id.values()))
    assert record["message"] == "record 0"
    assert record["instance_name"] == "data-agent-x-1"
    assert record["extra_data"] == {"execution_id": "e-1", "run_id": "100001"}
    assert record["timestamp"].endswith("+00:00")
    assert list(tmp_path.iterdir()) == []


def test_exception_is_part_of_the_message(logger: logging.Logger, tmp_path: Path) -> None:
    records = Records()
    with serving(records) as url:
        handler = MonitorLogHandler("data", "a", url, tmp_path)
        logger.addHandler(handler)
        try:
            raise ValueError("broken")
        except ValueError:
            logger.exception("it failed")
        wait_until(lambda: records.messages)
    assert "ValueError: broken" in records.messages[0]


def test_one_refused_record_does_not_hold_up_the_others(
    logger: logging.Logger, tmp_path: Path
) -> None:
    records = Records()
    with serving(records) as url:
        handler = MonitorLogHandler("data", "a", url, tmp_path)
        for message in ("first", "refuse me", "second"):
            handler.handle(logging.LogRecord("tests", logging.INFO, "f", 1, message, None, None))
        wait_until(lambda: set(records.messages) == {"first", "second"})
        handler.close()


def test_records_of_a_time_without_monitor_arrive_later(
    logger: logging.Logger, tmp_path: Path
) -> None:
    port = free_port()
    handler = MonitorLogHandler("data", "a", f"http://127.0.0.1:{port}", tmp_path)
    logger.addHandler(handler)
    logger.info("said into the void")
    logger.removeHandler(handler)
    handler.close()
    records = Records()
    with serving(records, port) as url:
        successor = MonitorLogHandler("data", "b", url, tmp_path)
        wait_until(lambda: records.messages == ["said into the void"])
        successor.close()
    assert list(tmp_path.iterdir()) == []


CHILD = """
import logging, pathlib, sys, time
from swf_common_lib.logs import MonitorLogHandler
handler = MonitorLogHandler("data", "killed", sys.argv[1], pathlib.Path(sys.argv[2]))
logging.getLogger().addHandler(handler)
logging.getLogger().setLevel(logging.INFO)
for number in range(300):
    logging.info("record %d", number)
print("accepted", flush=True)
time.sleep(60)
"""


def test_records_of_a_killed_process_are_sent_by_the_next(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"accepted\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    records = Records()
    with serving(records) as url:
        handler = MonitorLogHandler("data", "next", url, tmp_path)
        wait_until(lambda: len(records.by_id) == 300)
        handler.close()
    assert sorted(records.messages) == sorted(f"record {number}" for number in range(300))


def test_another_process_leaves_the_empty_spool_of_a_living_one_alone(tmp_path: Path) -> None:
    spool = Spool.own(tmp_path / "a.jsonl")
    other = Spool(tmp_path / "a.jsonl")
    assert not other.claim()
    other.close()
    assert spool.in_place()
    spool.append({"message": "still here"})
    assert spool.batch()[0] == [{"message": "still here"}]
    spool.close()


def test_a_spool_that_may_not_be_read_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").mkdir()
    records = Records()
    with serving(records) as url:
        handler = MonitorLogHandler("data", "next", url, tmp_path)
        handler.handle(logging.LogRecord("n", logging.INFO, "p", 1, "here", None, None))
        wait_until(lambda: records.messages == ["here"])
        handler.close()
    assert "a.jsonl is left alone" in capsys.readouterr().err
