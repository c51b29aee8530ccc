"""What the tables hold after the messages of a run."""

from __future__ import annotations

import pytest
from django.utils import timezone

from monitor.diagnosis.runs import runs_never_started
from monitor.records.models import (
    FastMonFile,
    Run,
    RunState,
    StfFile,
    SystemStateEvent,
    TFSlice,
    Worker,
    WorkflowExecution,
    WorkflowMessage,
)
from swf_common_lib.findings import FindingCode
from tests.integration.ingest.conftest import make_execution
from tests.integration.ingest.run_messages import FastRun, as_incoming, in_batches, record

pytestmark = pytest.mark.django_db

SIZES = [1, 2, 7, 1000]


@pytest.mark.parametrize("size", SIZES)
def test_whole_fast_run(fast_execution: WorkflowExecution, size: int) -> None:
    run = FastRun(failing=frozenset({(2, 1)}))

    in_batches(run.incoming(), size)

    state = RunState.objects.get(run_number=run.run_number)
    assert (state.phase, state.state, state.substate) == ("completed", "beam", "not_ready")
    assert state.execution_id == fast_execution.execution_id
    assert (state.target_worker_count, state.active_worker_count) == (2, 0)
    assert (state.stf_files_generated, state.stf_files_registered) == (3, 3)
    assert (state.stf_samples_received, state.total_stf_files) == (3, 3)
    assert (state.slices_created, state.slices_completed, state.slices_failed) == (12, 11, 1)
    assert (state.slices_queued, state.slices_processing) == (0, 0)
    assert state.end_tick == 8.0
    stored = Run.objects.get(run_number=run.run_number)
    assert stored.namespace == "tests"
    assert stored.end_time is not None
    assert WorkflowExecution.objects.get().run_number == run.run_number


def test_rows_of_a_fast_run(fast_execution: WorkflowExecution) -> None:
    run = FastRun(failing=frozenset({(2, 1)}))

    in_batches(run.incoming(), 5)

    stf = StfFile.objects.get(sequence=2)
    assert stf.stf_filename == "swf.100001.000002.stf"
    assert (stf.file_size_bytes, stf.checksum, stf.tf_count) == (1000, "0a0b0c0d", 1000)
    sample = FastMonFile.objects.get(stf_file=stf)
    assert (sample.tf_filename, sample.tf_count) == ("swf.100001.000002_tf_000.tf", 50)
    piece = TFSlice.objects.get(tf_filename=sample.tf_filename, slice_id=1)
    assert (piece.status, piece.retries, piece.error) == ("failed", 3, "segmentation violation")
    assert (piece.created_tick, piece.tf_first, piece.tf_last) == (4.0, 10, 19)
    assert piece.finished_tick == (piece.started_tick or 0.0) + 30.0
    worker = Worker.objects.get(worker_id="worker-1.100001.1")
    assert (worker.status, worker.slices_completed, worker.location) == ("stopped", 7, "here")
    assert (worker.started_tick, worker.ended_tick, worker.busy_seconds) == (0.0, 8.0, 210.0)
    assert WorkflowMessage.objects.count() == len(run.bodies)
    assert not WorkflowMessage.objects.exclude(problem="").exists()
    assert list(WorkflowMessage.objects.order_by("id").values_list("message_id", flat=True)) == [
        body["message_id"] for body in run.bodies
    ]


@pytest.mark.usefixtures("fast_execution")
@pytest.mark.parametrize("size", [1000, 7])
def test_files_and_samples_are_listed_in_the_order_they_came_in(size: int) -> None:
    in_batches(FastRun(stf_count=20).incoming(), size)
    for model, name in ((StfFile, "stf_filename"), (FastMonFile, "tf_filename")):
        names = list(model.objects.order_by("created_at").values_list(name, flat=True))
        assert len(names) == 20
        assert names == sorted(names)


def test_events_tell_the_run_in_its_order(fast_execution: WorkflowExecution) -> None:
    in_batches(FastRun().incoming(), 3)

    events = list(SystemStateEvent.objects.filter(run_number=100001).order_by("id"))
    assert [event.event_type for event in events] == [
        "run_imminent",
        "run_imminent_worker",
        "start_run",
        "stf_gen",
        "stf_gen",
        "stf_gen",
        "end_run",
        "end_run_worker",
        "run_completed",
    ]
    generated = events[3]
    assert (generated.state, generated.substate, generated.actor) == ("run", "physics", "runner-1")
    assert generated.event_data["filename"] == "swf.100001.000001.stf"
    assert (generated.event_data["sequence"], generated.event_data["simulation_tick"]) == (1, 2.0)
    assert generated.execution_id == fast_execution.execution_id
    assert events[6].event_data["total_stf_files"] == 3


def test_completed_run_leaves_its_statistics_with_the_execution(
    fast_execution: WorkflowExecution,
) -> None:
    in_batches(FastRun().incoming(), 4)

    metrics = WorkflowExecution.objects.get().performance_metrics
    assert metrics["messages_sent"] == 12
    assert metrics["slices"]["slices"]["completed"] == 12


@pytest.mark.parametrize("size", SIZES)
def test_workers_that_leave_after_the_completion_are_in_the_kept_statistics(
    fast_execution: WorkflowExecution, size: int
) -> None:
    run = FastRun()
    in_batches(run.incoming(), size)

    fast_execution.refresh_from_db()
    kept = fast_execution.performance_metrics["slices"]
    assert kept["workers"] == {"target": 2, "seen": 2, "active": 0, "busy_seconds": 420.0}
    assert kept["slices"]["completed"] == 12
    assert fast_execution.performance_metrics["messages_sent"] == 12


@pytest.mark.parametrize("size", SIZES)
def test_a_slice_that_is_queued_again_waits_for_its_next_try(
    fast_execution: WorkflowExecution, size: int
) -> None:
    run = FastRun(stf_count=1, slices_per_sample=1)
    at_work = next(b for b in run.bodies if b["msg_type"] == "slice_status")
    begun = at_work["slices"][0]
    before = run.bodies.index(at_work)
    queued = {**begun, "status": "queued", "retries": 1, "finished_tick": 32.0, "error": "broken"}
    in_batches(
        [
            *(as_incoming(body) for body in run.bodies[: before + 1]),
            as_incoming({**at_work, "message_id": "q", "slices": [queued]}),
            as_incoming({**at_work, "message_id": "late", "slices": [begun]}),
        ],
        size,
    )

    piece = TFSlice.objects.get()
    assert (piece.status, piece.retries, piece.error) == ("queued", 1, "broken")
    assert (piece.assigned_worker, piece.started_tick, piece.finished_tick) == ("", None, None)
    state = RunState.objects.get()
    assert (state.slices_queued, state.slices_processing) == (1, 0)

    again = {**begun, "retries": 1, "started_tick": 40.0}
    record({**at_work, "message_id": "a", "slices": [again]})
    piece.refresh_from_db()
    assert (piece.status, piece.started_tick) == ("processing", 40.0)
    # A worker that knows nothing of tries is believed when it is done.
    record({**at_work, "message_id": "d", "slices": [{**begun, "status": "done"}]})
    piece.refresh_from_db()
    assert (piece.status, piece.retries) == ("completed", 1)


def test_phases_on_the_way() -> None:
    phases = []
    for msg_type in ("run_imminent", "start_run", "pause_run", "resume_run"):
        record({"msg_type": msg_type, "run_id": "7", "message_id": msg_type})
        phases.append(RunState.objects.get(run_number=7).phase)
    assert phases == ["imminent", "physics", "standby", "physics"]


def test_run_without_configured_work_is_completed_at_its_end() -> None:
    record({"msg_type": "run_imminent", "run_id": "7", "message_id": "1"})
    record({"msg_type": "end_run", "run_id": "7", "message_id": "2", "total_stf_files": 3})
    assert RunState.objects.get(run_number=7).phase == "completed"


def test_run_waits_for_the_samples_that_have_no_slices_yet(
    fast_execution: WorkflowExecution,
) -> None:
    run = FastRun()
    late = [
        body
        for body in run.bodies
        if body["msg_type"] in ("tf_slices_registered", "slice_status")
        and "swf.100001.000003_tf_000.tf" in str(body)
    ]
    record(*[body for body in run.bodies if body not in late])
    assert RunState.objects.get(run_number=100001).phase == "processing"

    record(*late[:-1])
    assert RunState.objects.get(run_number=100001).phase == "processing"

    record(late[-1])
    assert RunState.objects.get(run_number=100001).phase == "completed"


def test_stf_without_time_frames_is_not_waited_for(fast_execution: WorkflowExecution) -> None:
    run = FastRun()
    gone = [body for body in run.bodies if "swf.100001.000003_tf_000.tf" in str(body)]
    bodies = [body for body in run.bodies if body not in gone]
    record(*bodies[:-3])
    record(*bodies[-3:])
    assert RunState.objects.get().phase == "processing"

    StfFile.objects.filter(sequence=3).update(tf_count=0)
    record({**run.bodies[-1], "message_id": "again"})

    assert RunState.objects.get().phase == "completed"


def test_workers_course() -> None:
    def tell(status: str, **fields: object) -> Worker:
        news = {"worker_id": "w", "status": status, **fields}
        record(
            {"msg_type": "worker_status", "run_id": "7", "message_id": status, "workers": [news]}
        )
        worker: Worker = Worker.objects.get()
        return worker

    tell("starting")
    assert RunState.objects.get().active_worker_count == 0
    busy = tell("busy", current_slice_id=4, tf_filename="a_tf_000.tf", started_tick=2.5)
    assert (busy.current_slice_id, busy.tf_filename) == (4, "a_tf_000.tf")
    assert RunState.objects.get().active_worker_count == 1
    gone = tell("stopped", ended_tick=9.0, slices_completed=3)
    assert (gone.current_slice_id, gone.tf_filename, gone.ended_tick) == (None, "", 9.0)
    assert RunState.objects.get().active_worker_count == 0
    back = tell("idle")
    assert (back.started_tick, back.ended_tick, back.slices_completed) == (2.5, None, 3)
    assert RunState.objects.get().active_worker_count == 1


def test_standard_processing() -> None:
    make_execution({"stf_processing": {"stf_count": 2}})
    envelope = {"run_id": 7, "execution_id": "stf_datataking-tester-0001", "sender": "s"}
    record({"msg_type": "run_imminent", "message_id": "1", **envelope})
    for number, error in ((1, ""), (2, "no such dataset")):
        name = f"swf.7.{number:06d}.stf"
        stf = {**envelope, "filename": name}
        record({"msg_type": "stf_ready", "message_id": f"r{number}", **stf})
        done = {"msg_type": "processing_complete", "task_id": 5, "error": error, **stf}
        record({**done, "message_id": f"c{number}"}, {**done, "message_id": f"again{number}"})
    assert RunState.objects.get(run_number=7).phase == "imminent"

    record({"msg_type": "end_run", "message_id": "9", "total_stf_files": 2, **envelope})

    state = RunState.objects.get(run_number=7)
    assert (state.stf_files_processed, state.phase) == (2, "completed")
    assert list(StfFile.objects.order_by("stf_filename").values_list("status", flat=True)) == [
        "processed",
        "failed",
    ]


def test_second_end_of_a_run_changes_nothing() -> None:
    record({"msg_type": "run_imminent", "run_id": "7", "message_id": "1"})
    end = {"msg_type": "end_run", "run_id": "7", "simulation_tick": 5.0}
    record({**end, "message_id": "2", "total_stf_files": 3})
    ended = Run.objects.get(run_number=7).end_time
    record({**end, "message_id": "3", "total_stf_files": 9, "simulation_tick": 8.0})
    record({"msg_type": "start_run", "run_id": "7", "message_id": "4"})

    state = RunState.objects.get(run_number=7)
    assert (state.total_stf_files, state.end_tick, state.phase) == (3, 5.0, "completed")
    assert Run.objects.get(run_number=7).end_time == ended


def test_end_of_a_dead_runner_counts_what_was_generated() -> None:
    stf = {"msg_type": "stf_gen", "run_id": "7"}
    record(
        {**stf, "message_id": "1", "filename": "a.stf"},
        {**stf, "message_id": "2", "filename": "b.stf"},
        {"msg_type": "end_run", "run_id": "7", "message_id": "3", "reason": "its runner is gone"},
    )
    assert RunState.objects.get(run_number=7).total_stf_files == 2


@pytest.mark.parametrize("together", [True, False])
def test_news_that_overtakes_a_registration(together: bool) -> None:
    run = FastRun(stf_count=1, execution_id="")
    order = ("slice_status", "tf_slices_registered", "tf_file_registered", "stf_ready")
    bodies = [body for kind in order for body in run.bodies if body["msg_type"] == kind]

    in_batches(map(as_incoming, bodies), 100 if together else 1)

    state = RunState.objects.get(run_number=100001)
    assert (state.slices_created, state.slices_completed, state.slices_queued) == (4, 4, 0)
    assert (state.stf_files_registered, state.stf_samples_received) == (1, 1)
    assert StfFile.objects.get().checksum == "0a0b0c0d"
    assert set(TFSlice.objects.values_list("tf_count", "created_tick", "status")) == {
        (10, 2.0, "completed")
    }


def test_slices_of_a_run_that_never_started_are_a_problem_of_the_system() -> None:
    run = FastRun(stf_count=1, execution_id="")
    record(*[body for body in run.bodies if body["msg_type"] == "tf_slices_registered"])

    [finding] = runs_never_started(timezone.now())
    assert (finding.code, finding.subject.id) == (FindingCode.RUN_NOT_STARTED, "100001")
    assert finding.fact("slices_queued") == 4

    record(*run.bodies)
    assert list(runs_never_started(timezone.now())) == []
