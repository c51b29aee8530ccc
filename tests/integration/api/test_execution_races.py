"""Many at once, on a database file: numbers, claims, transitions, starts, slices."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest
from django.db import connection

from monitor.executions import StartRequest, claim, start
from monitor.records.database.sequences import next_number
from monitor.records.database.write_lock import one_writer
from monitor.records.models import (
    RunState,
    SystemStateEvent,
    TFSlice,
    WorkflowExecution,
)
from monitor.records.slices import (
    SliceChange,
    SliceCountDeltas,
    apply_slice_changes,
    register_slices,
)
from monitor.records.states import TERMINAL
from monitor.records.transitions import transition
from swf_common_lib.errors import Conflict
from swf_common_lib.states import EndCause

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
T = TypeVar("T")


def at_once(work: Callable[[int], T]) -> list[T]:
    """Do the work on several threads that begin together."""
    barrier = Barrier(THREADS)

    def begin(number: int) -> T:
        barrier.wait()
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(begin, range(THREADS)))


def test_the_database_is_a_file() -> None:
    assert "memory" not in str(connection.settings_dict["NAME"])


def test_a_number_is_given_out_once() -> None:
    numbers = at_once(lambda _: [next_number("x") for _ in range(20)])
    assert sorted(n for some in numbers for n in some) == list(range(1, 20 * THREADS + 1))


def test_one_claim_wins(new_execution: Callable[..., WorkflowExecution]) -> None:
    for number in range(5):
        execution_id = new_execution(number).execution_id

        def attempt(runner: int, execution_id: str = execution_id) -> bool:
            try:
                return claim(execution_id, f"r{runner}").runner == f"r{runner}"
            except Conflict:
                return False

        assert sum(at_once(attempt)) == 1
    assert SystemStateEvent.objects.filter(event_type="execution_running").count() == 5


def test_one_end_wins(new_execution: Callable[..., WorkflowExecution]) -> None:
    execution_id = new_execution(status="running").execution_id
    ends = ["completed", "failed", "terminated"]

    def end(number: int) -> bool:
        to = ends[number % 3]
        return transition(
            execution_id,
            to,
            actor=f"a{number}",
            via="rest",
            reason=to,
            cause=EndCause.REPORTED,
        )

    assert sum(at_once(end)) == 1
    execution = WorkflowExecution.objects.get()
    event = SystemStateEvent.objects.get()
    assert event.event_type == f"execution_{execution.status}"
    assert event.event_data == {"reason": execution.status_reason}
    assert execution.end_time is not None


def test_starts_at_once_have_ids_of_their_own() -> None:
    started = at_once(lambda _: start(StartRequest(workflow="stf_datataking", executed_by="x")))
    ids = sorted(one.execution.execution_id for one in started)
    assert ids == [f"stf_datataking-x-{number:04d}" for number in range(1, THREADS + 1)]


def test_the_same_key_at_once_starts_once() -> None:
    request = StartRequest(workflow="stf_datataking", idempotency_key="k")
    assert len({one.execution.execution_id for one in at_once(lambda _: start(request))}) == 1
    assert WorkflowExecution.objects.count() == 1


def take(news: list[SliceChange]) -> SliceCountDeltas:
    with one_writer():
        return apply_slice_changes(1, [], news)


def test_news_of_slices_counts_once() -> None:
    RunState.objects.create(run_number=1)

    def rows() -> list[TFSlice]:
        return [
            TFSlice(run_number=1, tf_filename="a", slice_id=n, tf_first=0, tf_last=0, tf_count=1)
            for n in range(30)
        ]

    at_once(lambda _: register_slices(rows()))
    news = [SliceChange("a", n, "completed" if n % 3 else "failed") for n in range(30)]
    at_once(lambda _: take(news))
    state = RunState.objects.get()
    assert (state.slices_created, state.slices_queued) == (30, 0)
    assert (state.slices_completed, state.slices_failed) == (20, 10)


def test_old_news_of_a_slice_changes_nothing() -> None:
    RunState.objects.create(run_number=1)
    row = TFSlice(run_number=1, tf_filename="a", slice_id=0, tf_first=0, tf_last=0, tf_count=1)
    register_slices([row])
    take([SliceChange("a", 0, "processing", worker="w", started_tick=3.0)])
    take([SliceChange("a", 0, "completed", finished_tick=9.0, retries=2)])
    assert not take([SliceChange("a", 0, "processing", worker="other")])
    assert not take([SliceChange("a", 0, "failed")])
    kept = TFSlice.objects.get()
    assert (kept.status, kept.assigned_worker, kept.retries) == ("completed", "w", 2)
    assert (kept.started_tick, kept.finished_tick) == (3.0, 9.0)


def test_transitions_follow_the_states(new_execution: Callable[..., WorkflowExecution]) -> None:
    execution_id = new_execution().execution_id

    def to(status: str) -> bool:
        cause = EndCause.REPORTED if status in TERMINAL else None
        return transition(execution_id, status, actor="a", via="rest", cause=cause)

    assert not to("paused")
    assert not to("completed")
    assert to("running")
    assert not transition(execution_id, "running", actor="a", via="rest", sources=["pending"])
    assert to("paused")
    assert to("running")
    assert to("completed")
    assert not any(to(status) for status in ("running", "paused", "failed", "terminated"))
