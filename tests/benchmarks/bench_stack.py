"""Figures of a whole installation: latency of a start and of an STF, a short workflow, slices."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from statistics import median
from typing import Any

from swf_common_lib.errors import NotFound
from swf_common_lib.monitor_client import MonitorClient
from tests.benchmarks.bare import passage_ms, queue_rate
from tests.benchmarks.figures import Figures
from tests.benchmarks.heard import Listener
from tests.stack import Stack
from tests.waiting import wait_until

STFS = 800
SLICES_PER_SAMPLE = 15
WARMING = 5
"""Runs before anything is measured."""
TRIES = 9
REST = 0.3
"""Seconds after a short workflow: what agents and monitor do about it is no part of the next."""
STFS_IN_REAL_TIME = 12
AT_ONCE = {
    "no_beam_not_ready_delay": 0,
    "broadcast_delay": 0,
    "beam_not_ready_delay": 0,
    "beam_ready_delay": 0,
}
"""Parameters with which data taking begins at once: the STFs keep their default rate."""


def stack_figures(stack: Stack, kind: str) -> Iterator[Figures]:
    """Measure an installation that runs, agents and all; ``kind`` says which in the titles.

    At the end its worker is stopped. Each limit is taken beside its figure, from the same broker
    and monitor.
    """
    client = stack.client()
    listener = Listener(stack.settings)
    for _ in range(WARMING):  # everything loaded, everybody connected, Java warm
        _finished_run(client, listener, STFS // 2)
    exchange = _exchange_ms(client)
    first, whole = _short_workflow_ms(client, listener)
    yield Figures(
        f"runner has the command to first broadcast, {kind}",
        first,
        "ms",
        exchange,
        "bare HTTP exchange",
        "≤ 20",
    )
    yield Figures(
        f"120-second workflow, start to completed, {kind}",
        whole,
        "ms",
        exchange,
        "bare HTTP exchange",
        "≤ 300",
    )
    rate = _slices_per_second(client, listener)
    listener.close()
    # A slice passes through two queues: to a worker and, as its result, back.
    yield Figures(
        f"slices end to end (queued, processed, recorded), {kind}",
        rate,
        "slices/s",
        queue_rate(stack.settings) / 2,
        "two passages of a bare queue",
        "≥ 2,000",
    )
    # From the STF's announcement its file, its sample and its slices follow one another.
    yield Figures(
        f"STF announced to its last slice queued, default rate, {kind}",
        _stf_to_slices_ms(stack),
        "ms",
        3 * passage_ms(stack.settings),
        "three bare messages, one after the other",
        "≤ 30",
    )


def _start(
    client: MonitorClient,
    config: str = "fast_processing_default",
    *,
    realtime: bool = False,
    **parameters: Any,
) -> str:
    body = {
        "workflow": "stf_datataking",
        "config": config,
        "realtime": realtime,
        "parameters": parameters,
        "executed_by": "bench",
    }
    return str(client.post("workflow-executions/start/", body)["execution_id"])


def _completed(client: MonitorClient, execution_id: str) -> dict[str, Any]:
    def record() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"workflow-executions/{execution_id}/")
        return found if found["status"] == "completed" else None

    return wait_until(record) or {}


def _finished_run(client: MonitorClient, listener: Listener, stf_count: int) -> dict[str, Any]:
    """Run, and wait until the last slice is recorded; return the run's state.

    What is done is known from the broadcasts; the monitor is asked only about their record.
    """
    execution_id = _start(client, stf_count=stf_count, slices_per_sample=SLICES_PER_SAMPLE)
    done = 0
    while done < stf_count * SLICES_PER_SAMPLE:
        heard = listener.wait_for("slice_status", execution_id)
        done += sum(state["status"] == "completed" for state in heard.body["slices"])

    def finished() -> dict[str, Any] | None:
        with suppress(NotFound):  # until ingest has come to its first message
            state: dict[str, Any] = client.get(f"run-states/{heard.body['run_id']}/")
            return state if state["phase"] == "completed" else None
        return None

    return wait_until(finished) or {}


def _exchange_ms(client: MonitorClient) -> float:
    """Return the milliseconds of the simplest request that needs the monitor's database."""
    times = []
    for _ in range(50):
        started = time.perf_counter()
        client.post("state/next-agent-id/")
        times.append(time.perf_counter() - started)
    return 1000 * median(times)


def _short_workflow_ms(client: MonitorClient, listener: Listener) -> tuple[float, float]:
    firsts, wholes = [], []
    for _ in range(TRIES):
        # 25 s around a physics period of 95 s: two simulated minutes.
        execution_id = _start(
            client, "stf_processing_default", physics_period_count=1, physics_period_duration=95
        )
        listener.wait_for("end_run", execution_id)
        done = _completed(client, execution_id)
        time.sleep(REST)
        wholes.append(1000 * (_seconds(done["end_time"]) - _seconds(done["created_at"])))
        firsts.append(float(done["performance_metrics"]["first_broadcast_ms"]))
    return median(firsts), median(wholes)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _slices_per_second(client: MonitorClient, listener: Listener) -> float:
    started = time.perf_counter()
    state = _finished_run(client, listener, STFS)
    assert state["slices_completed"] == STFS * SLICES_PER_SAMPLE
    return STFS * SLICES_PER_SAMPLE / (time.perf_counter() - started)


def _stf_to_slices_ms(stack: Stack) -> float:
    """Return the median time from an STF's announcement to its last slice, over a run."""
    stack.agents.stop("fast-processing-worker")
    listener = Listener(stack.settings, slices=True)
    client = stack.client()
    execution_id = _start(client, realtime=True, stf_count=STFS_IN_REAL_TIME, **AT_ONCE)
    announced: dict[str, float] = {}
    times: list[float] = []
    slices: Counter[str] = Counter()
    while len(times) < STFS_IN_REAL_TIME:
        heard = listener.next()
        kind, of_execution = heard.what
        if of_execution != execution_id:
            continue
        if kind == "stf_gen":
            announced[heard.body["filename"]] = heard.at
        elif kind == "slice":
            name = heard.body["content"]["filename"]
            slices[name] += 1
            if slices[name] == SLICES_PER_SAMPLE:
                times.append(heard.at - announced[name])
    listener.close()
    return 1000 * median(times)
