"""Figures of a whole installation: slices a second, latency of a start, a short workflow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from swf_common_lib.monitor_client import MonitorClient
from tests.benchmarks.figures import Figures
from tests.stack import Stack
from tests.waiting import wait_until

STFS = 400
SLICES_PER_SAMPLE = 15
TRIES = 7


def stack_figures(home: Path, queue_rate: float) -> Iterator[Figures]:
    """Start an installation, measure, stop it. ``queue_rate``: messages a second of a bare queue.

    A slice passes through two queues: to a worker and, as its result, back.
    """
    stack = Stack.create(home)
    try:
        stack.start(agents=True)
        client = stack.client()
        _finished_run(client, stf_count=2)  # everything loaded, everybody connected
        exchange = _exchange_ms(client)
        first, whole = _short_workflow_ms(client)
        yield Figures(
            "runner has the command to first broadcast",
            first,
            "ms",
            exchange,
            "bare HTTP exchange",
            "≤ 20",
        )
        yield Figures(
            "120-second workflow, start to completed",
            whole,
            "ms",
            exchange,
            "bare HTTP exchange",
            "≤ 300",
        )
        rate = _slices_per_second(client)
        yield Figures(
            "slices end to end (queued, processed, recorded)",
            rate,
            "slices/s",
            queue_rate / 2,
            "two passages of a bare queue",
            "≥ 1,000",
        )
    finally:
        stack.stop()


def _start(
    client: MonitorClient, config: str = "fast_processing_default", **parameters: Any
) -> dict[str, Any]:
    body = {
        "workflow": "stf_datataking",
        "config": config,
        "parameters": parameters,
        "executed_by": "bench",
    }
    record: dict[str, Any] = client.post("workflow-executions/start/", body)
    return record


def _completed(client: MonitorClient, execution_id: str) -> dict[str, Any]:
    def record() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"workflow-executions/{execution_id}/")
        return found if found["status"] == "completed" else None

    done = wait_until(record, timeout=120)
    assert done is not None
    return done


def _finished_run(client: MonitorClient, **parameters: Any) -> dict[str, Any]:
    """Run, and wait until the last slice is recorded; give the run's state."""
    started = _start(client, **parameters)
    done = _completed(client, started["execution_id"])

    def finished() -> dict[str, Any] | None:
        state: dict[str, Any] = client.get(f"run-states/{done['run_number']}/")
        return state if state["phase"] == "completed" else None

    state = wait_until(finished, timeout=300)
    assert state is not None
    return state


def _exchange_ms(client: MonitorClient) -> float:
    """Time the plainest request that the monitor answers from its database."""
    times = []
    for _ in range(50):
        started = time.perf_counter()
        client.post("state/next-agent-id/")
        times.append(time.perf_counter() - started)
    return 1000 * median(times)


def _short_workflow_ms(client: MonitorClient) -> tuple[float, float]:
    firsts, wholes = [], []
    for _ in range(TRIES):
        # 25 s around a physics period of 95 s: two simulated minutes.
        record = _start(
            client,
            "stf_processing_default",
            physics_period_count=1,
            physics_period_duration=95,
        )
        done = _completed(client, record["execution_id"])
        created = _seconds(done["created_at"])
        wholes.append(1000 * (_seconds(done["end_time"]) - created))
        metrics = done["performance_metrics"]
        firsts.append(float(metrics.get("first_broadcast_ms", float("nan"))))
    return median(firsts), median(wholes)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _slices_per_second(client: MonitorClient) -> float:
    started = time.perf_counter()
    state = _finished_run(client, stf_count=STFS, slices_per_sample=SLICES_PER_SAMPLE)
    assert state["slices_completed"] == STFS * SLICES_PER_SAMPLE
    return STFS * SLICES_PER_SAMPLE / (time.perf_counter() - started)
