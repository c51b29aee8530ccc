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
    # Two at a time from tick 2 on, every 30 s; made at 2, 4 and 6. That of the second sample's
    # second slice (it would have waited for 88 s) is not known: it was tried again.
    assert found.waiting_seconds.mean == pytest.approx((12 * 73 - 58) / 11)
    assert found.waiting_seconds.max == pytest.approx(146.0)
    assert (found.processing_seconds.mean, found.processing_seconds.max) == (30.0, 30.0)


def test_imbalance_of_a_run(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun(interval=2.2).incoming(), 50)

    found = run_statistics(100001)
    verdict = found.verdict
    assert verdict is not None
    assert verdict.slices_per_s == found.measured_slices_per_s == pytest.approx(4 / 2.2)
    assert verdict.capacity_slices_per_s == pytest.approx(2 / 30)
    assert (found.backlog_slices, found.at_tick) == (12, 8.8), "nothing was finished by then"
    assert verdict.backlog_growth_slices_per_s == pytest.approx(10 / 6.6), "two had begun"
    assert (verdict.workers_to_keep_up, verdict.nominal_workers) == (55, 60)
    assert (verdict.over, verdict.keeps_up, verdict.basis) == (True, False, "measured")
    assert verdict.late_slices == 10


def test_default_numbers_ask_for_205_workers() -> None:
    make_execution({"fast_processing": {}, "daq_state_machine": {}})
    announce()
    found = run_statistics(7)
    verdict = found.verdict
    assert verdict is not None
    assert (verdict.slices_per_s, verdict.capacity_slices_per_s) == (6.818182, 1.0)
    assert (verdict.workers_to_keep_up, verdict.keeps_up) == (205, False)
    assert (verdict.nominal_slices_per_s, verdict.nominal_workers) == (7.5, 225)
    assert (verdict.basis, verdict.over, verdict.at_tick) == ("schedule", False, None)
    assert found.workers.target == 30


def announce() -> None:
    record(
        {"msg_type": "run_imminent", "run_id": "7", "execution_id": "stf_datataking-tester-0001"}
    )


def test_enough_workers_keep_up() -> None:
    make_execution({"fast_processing": {"target_worker_count": 205}, "daq_state_machine": {}})
    announce()
    verdict = run_statistics(7).verdict
    assert verdict is not None
    assert (verdict.keeps_up, verdict.enough_workers) == (True, True)
    assert verdict.backlog_growth_slices_per_s is None, "nothing was measured yet"


def test_backlog_while_data_taking_goes_on(fast_execution: WorkflowExecution) -> None:
    # With 2 STFs out of 3 known, tick 4 is "now": of 8 slices, one with a short time is done.
    run = FastRun(stf_count=2, processing_time=1.5, workers=2)
    bodies = [body for body in run.bodies if body["msg_type"] not in ("end_run", "worker_status")]
    record(*bodies)
    found = run_statistics(100001)
    assert found.stf_files.total is None
    # At tick 4: two of the first sample finished at 3.5; two more do at 5.
    assert found.backlog_slices == 6


def test_run_without_slices_or_configuration() -> None:
    record({"msg_type": "start_run", "run_id": "7"})
    found = run_statistics(7)
    assert found.verdict is None
    assert found.keeps_up is None
    assert found.measured_slices_per_s is None
    assert found.waiting_seconds.mean is None
    assert found.backlog_slices == 0


def test_as_dict_is_json(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun().incoming(), 50)
    statistics = json.loads(json.dumps(run_statistics(100001).as_dict()))
    assert statistics["slices"]["completed"] == 12
    assert (statistics["keeps_up"], statistics["basis"]) == (False, "measured")
    assert statistics["waiting_seconds"] == {"mean": 73.0, "max": 146.0}


def test_sums_of_fractions_are_shown_rounded(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun(interval=0.1 + 0.2, processing_time=0.1 + 0.2).incoming(), 50)
    found = run_statistics(100001)
    assert (found.processing_seconds.mean, found.processing_seconds.max) == (0.3, 0.3)
    assert found.verdict is not None
    assert found.verdict.capacity_slices_per_s == 0.06666667  # two workers, 30 s a slice


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
