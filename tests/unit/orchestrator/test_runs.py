"""Following an execution: until its run is done, and not in silence when nobody works on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from orchestrator import runs
from orchestrator.runs import ExecutionProgress, follow
from swf_common_lib.monitor_client import MonitorClient


def record(status: str, phase: str, registered: int) -> dict[str, Any]:
    statistics = {"phase": phase, "stf_files": {"generated": 2, "registered": registered}}
    return {"execution_id": "x-me-0001", "status": status, "statistics": statistics}


class Monitor:
    """Answers with one record after the other."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self._records: Iterator[dict[str, Any]] = iter(records)

    def get(self, _path: str) -> dict[str, Any]:
        return next(self._records)


def test_a_run_that_stands_still_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "POLL_INTERVAL", 0.001)
    monkeypatch.setattr(runs, "STILL_AFTER", 0.0)
    waiting = record("completed", "processing", 0)
    monitor = Monitor(
        *[record("running", "physics", 0)] * 3,  # data taking may last
        *[waiting] * 5,
        record("completed", "completed", 2),
    )
    shown: list[ExecutionProgress] = []
    told: list[ExecutionProgress] = []
    ended = follow(cast(MonitorClient, monitor), "x-me-0001", shown.append, told.append)
    assert ended.phase == "completed"
    assert len(shown) == 9
    assert [progress.record for progress in told] == [waiting]
