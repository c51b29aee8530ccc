"""Statistics of a run: counts, times, and whether the workers keep up."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitor.records.models import TFSlice, WorkflowExecution, WorkflowMessage
from monitor.records.progress import progress_of
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import NotFound
from tests.integration.ingest.conftest import make_execution
from tests.integration.ingest.run_messages import FastRun, in_batches, record

pytestmark = pytest.mark.django_db


def test_numbers_of_a_run(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun(failing=frozenset({(2, 1)})).incoming(), 50)

    found = run_statistics(100001)

    assert (found.execution_id, found.phase) == (fast_execution.execution_id, "completed")
    assert (found.stf_files.generated, found.stf_files.registered, found.stf_files.total) == (
        3,
        3,
        3,
    )
    assert found.samples == 3
    assert (found.slices.created, found.slices.completed, found.slices.failed) == (12, 11, 1)
    assert (found.slices.queued, found.slices.processing, found.slices.retries) == (0, 0, 3)
    assert (found.workers.target, found.workers.seen, found.workers.active) == (2, 2, 0)
    assert found.workers.busy_seconds == 420.0
    # Two at a time from tick 2 on, every 30 s; made at 2, 4 and 6.
    assert found.waiting_seconds.mean == pytest.approx(73.0)
    assert found.waiting_seconds.max == pytest.approx(146.0)
    assert (found.processing_seconds.mean, found.processing_seconds.max) == (30.0, 30.0)


def test_imbalance_of_a_run(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun().incoming(), 50)

    found = run_statistics(100001)

    assert found.nominal_slice_rate == pytest.approx(2.0)
    assert found.measured_slice_rate == pytest.approx(2.0)
    assert found.capacity == pytest.approx(2 / 30)
    assert found.backlog == 12, "nothing was finished when data taking ended at tick 8"
    assert found.backlog_growth == pytest.approx(2 - 2 / 30)
    assert found.measured_backlog_growth == pytest.approx(2.0)
    assert (found.workers_to_keep_up, found.keeps_up) == (60, False)


def test_default_numbers_ask_for_225_workers() -> None:
    make_execution({"fast_processing": {}, "daq_state_machine": {}})
    record(
        {
            "msg_type": "run_imminent",
            "run_id": "7",
            "execution_id": "stf_datataking-tester-0001",
        }
    )
    found = run_statistics(7)
    assert (found.nominal_slice_rate, found.capacity) == (7.5, 1.0)
    assert (found.workers_to_keep_up, found.keeps_up) == (225, False)
    assert found.workers.target == 30


def test_enough_workers_keep_up() -> None:
    make_execution({"fast_processing": {"target_worker_count": 225}, "daq_state_machine": {}})
    record(
        {"msg_type": "run_imminent", "run_id": "7", "execution_id": "stf_datataking-tester-0001"}
    )
    found = run_statistics(7)
    assert (found.keeps_up, found.backlog_growth) == (True, 0.0)


def test_backlog_while_data_taking_goes_on(fast_execution: WorkflowExecution) -> None:
    # With 2 STFs out of 3 known, tick 4 is "now": of 8 slices, one with a short time is done.
    run = FastRun(stf_count=2, processing_time=1.5, workers=2)
    bodies = [body for body in run.bodies if body["msg_type"] not in ("end_run", "worker_status")]
    record(*bodies)
    found = run_statistics(100001)
    assert found.stf_files.total is None
    # At tick 4: two of the first sample finished at 3.5; two more do at 5.
    assert found.backlog == 6


def test_run_without_slices_or_configuration() -> None:
    record({"msg_type": "start_run", "run_id": "7"})
    found = run_statistics(7)
    assert found.nominal_slice_rate is None
    assert found.capacity is None
    assert found.keeps_up is None
    assert found.measured_slice_rate is None
    assert found.waiting_seconds.mean is None
    assert found.backlog == 0


def test_as_dict_is_json(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun().incoming(), 50)
    statistics = json.loads(json.dumps(run_statistics(100001).as_dict()))
    assert statistics["slices"]["completed"] == 12
    assert statistics["waiting_seconds"] == {"mean": 73.0, "max": 146.0}


def test_sums_of_fractions_are_shown_rounded(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun(interval=0.1 + 0.2, processing_time=0.1 + 0.2).incoming(), 50)
    found = run_statistics(100001)
    assert (found.processing_seconds.mean, found.processing_seconds.max) == (0.3, 0.3)
    assert found.capacity == 0.06666667  # two workers, 30 s a slice


def test_unknown_run() -> None:
    with pytest.raises(NotFound, match="no run 5"):
        run_statistics(5)


def test_questions_do_not_grow_with_the_run(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun(stf_count=30).incoming(), 1000)
    with CaptureQueriesContext(connection) as queries:
        run_statistics(100001)
    assert len(queries) <= 8


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("monitor.records.database.cache.LARGE", 1)
    monkeypatch.setattr("monitor.records.progress.LARGE", 1)
    cache.clear()
    yield
    cache.clear()


def test_a_large_run_is_not_gathered_for_each_who_asks(
    fast_execution: WorkflowExecution, everything_is_large: None
) -> None:
    bodies = FastRun().bodies
    record(*[body for body in bodies if body["msg_type"] != "end_run"])
    first = run_statistics(100001)
    with CaptureQueriesContext(connection) as queries:
        assert run_statistics(100001) == first
    assert not [query for query in queries if TFSlice._meta.db_table in query["sql"]]

    record(*bodies)  # and it comes to its end, which is news
    assert run_statistics(100001).phase == "completed"


def test_many_messages_are_not_counted_for_each_who_asks(
    fast_execution: WorkflowExecution, everything_is_large: None
) -> None:
    record(*FastRun().bodies)
    counted = progress_of([fast_execution])[fast_execution.execution_id].messages
    with CaptureQueriesContext(connection) as queries:
        assert progress_of([fast_execution])[fast_execution.execution_id].messages == counted
    assert counted == len(FastRun().bodies)
    assert not [query for query in queries if WorkflowMessage._meta.db_table in query["sql"]]
