"""Runs, STF files, TF samples, TF slices, run states, workers, events, messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

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

NOW = "2026-05-01T12:00:00Z"


def counts(run_number: int = 100001) -> dict[str, int]:
    state = RunState.objects.get(pk=run_number)
    return {
        name: getattr(state, f"slices_{name}")
        for name in ("created", "queued", "processing", "completed", "failed")
    }


# Runs


def test_a_run_is_registered_and_closed(api: APIClient) -> None:
    answer = api.post(
        "/api/runs/", {"run_number": "100007", "start_time": NOW, "run_conditions": {"beam": "e-p"}}
    )
    assert answer.status_code == 201
    run_id = answer.json()["run_id"]
    assert answer.json()["run_number"] == 100007
    closed = api.patch(f"/api/runs/{run_id}/", {"end_time": "2026-05-01T13:00:00Z"})
    assert closed.status_code == 200
    assert closed.json()["end_time"] == "2026-05-01T13:00:00Z"
    again = api.post("/api/runs/", {"run_number": 100007, "start_time": NOW})
    assert again.status_code == 400
    assert "already exists" in again.json()["run_number"][0]
    assert api.patch("/api/runs/999/", {"end_time": NOW}).status_code == 404
    assert api.post("/api/runs/", {"run_number": "x"}).status_code == 400
    assert api.post("/api/runs/", {"run_number": 10**30, "start_time": NOW}).status_code == 400


def test_a_run_known_from_messages_is_registered_by_its_agent(api: APIClient, run: Run) -> None:
    answer = api.post("/api/runs/", {"run_number": run.run_number, "start_time": NOW})
    assert answer.status_code == 201
    assert answer.json()["run_id"] == run.run_id
    assert api.post("/api/runs/", {"run_number": 100001, "start_time": NOW}).status_code == 400


def test_statistics_of_a_run(api: APIClient, run: Run) -> None:
    assert api.get("/api/runs/100001/statistics/").json()["run_number"] == 100001
    assert api.get("/api/runs/999/statistics/").status_code == 404
    assert api.get("/api/runs/x/statistics/").status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        '{"run_number": 1, "start_time": "2026-05-01", "run_conditions": {"x": 1e999}}',
        '{"run_number": 1, "start_time": "2026-05-01T00:00:00Z", "run_conditions": {"x": NaN}}',
        '{"run_number": 1e999, "start_time": "2026-05-01T00:00:00Z"}',
        '{"run_number": 1, "start_time": "9999-12-31T23:59:59-12:00"}',
        '{"run_number": 1, "start_time": {}}',
        "[" * 100_000,
        "[]",
        "null",
        '"text"',
    ],
)
@pytest.mark.parametrize("path", ["runs", "run-states", "workers", "system-state-events"])
def test_wild_values_are_refused(path: str, text: str, api: APIClient) -> None:
    answer = api.post(f"/api/{path}/", text, content_type="application/json")
    assert answer.status_code in (400, 201), answer.content
    if answer.status_code == 201:  # what it does not know of a run's state
        assert path == "run-states"


# STF files and TF samples


def test_an_stf_file_is_registered_and_processed(api: APIClient, run: Run) -> None:
    body = {
        "run": run.run_id,
        "stf_filename": "swf.100001.000001.stf",
        "file_size_bytes": 2_000_000_000,
        "checksum": "0badcafe",
        "machine_state": "physics",
        "status": "registered",
        "metadata": {"sequence": 1},
        "tf_count": 1000,
    }
    answer = api.post("/api/stf-files/", body)
    assert answer.status_code == 201
    file_id = answer.json()["file_id"]
    assert uuid.UUID(file_id)
    again = api.post("/api/stf-files/", body)
    assert again.status_code == 400
    assert "stf_filename" in again.json()

    found = api.get(f"/api/stf-files/?stf_filename={body['stf_filename']}").json()
    assert [file["file_id"] for file in found] == [file_id]
    assert len(api.get("/api/stf-files/?run_number=100001&status=registered").json()) == 1
    assert api.get("/api/stf-files/?run_number=100002").json() == []

    for status in ("processing", "processed", "done"):
        changed = api.patch(f"/api/stf-files/{file_id}/", {"status": status, "metadata": {"a": 1}})
        assert (changed.status_code, changed.json()["status"]) == (200, status)
    state = RunState.objects.get()
    assert (state.stf_files_registered, state.stf_files_processed) == (1, 1)

    assert api.patch(f"/api/stf-files/{file_id}/", {"status": "lost"}).status_code == 400
    assert api.patch(f"/api/stf-files/{uuid.uuid4()}/", {"status": "done"}).status_code == 404
    unknown = api.post("/api/stf-files/", {**body, "stf_filename": "b", "run": 999})
    assert unknown.status_code == 400
    assert "run" in unknown.json()


@pytest.mark.parametrize("by", ["name", "uuid"])
def test_a_sample_is_registered(by: str, api: APIClient, stf_file: StfFile) -> None:
    body = {
        "stf_file": stf_file.stf_filename if by == "name" else str(stf_file.file_id),
        "tf_filename": "swf.100001.000001_tf_000.tf",
        "status": "registered",
        "tf_first": 100,
        "tf_last": 149,
        "tf_count": 50,
        "metadata": {},
    }
    answer = api.post("/api/fastmon-files/", body)
    assert answer.status_code == 201
    assert answer.json()["tf_file_id"]
    assert answer.json()["stf_file"] == str(stf_file.file_id)
    assert RunState.objects.get().stf_samples_received == 1
    assert api.post("/api/fastmon-files/", body).status_code == 400
    # The STF file may be on its way: an agent tries again after 404.
    later = {**body, "stf_file": "swf.100001.000002.stf", "tf_filename": "b"}
    assert api.post("/api/fastmon-files/", later).status_code == 404


# TF slices


def slice_body(number: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "slice_id": number,
        "tf_first": 10 * number,
        "tf_last": 10 * number + 9,
        "tf_count": 10,
        "run_number": "100001",
        "status": "queued",
        "retries": 0,
        "metadata": {},
        "tf_filename": "swf.100001.000001_tf_000.tf",
        "stf_filename": "swf.100001.000001.stf",
        **fields,
    }


def test_slices_are_registered_one_or_many(api: APIClient, run: Run) -> None:
    one = api.post("/api/tf-slices/", slice_body())
    assert one.status_code == 201
    assert isinstance(one.json()["id"], int)
    assert one.json()["run_number"] == 100001
    many = api.post("/api/tf-slices/", [slice_body(number) for number in range(1, 15)])
    assert many.status_code == 201
    assert [row["slice_id"] for row in many.json()] == list(range(1, 15))
    assert all(row["id"] for row in many.json())
    assert counts()["created"] == counts()["queued"] == 15
    assert len(api.get("/api/tf-slices/?run_number=100001&slice_id=3").json()) == 1
    assert len(api.get("/api/tf-slices/?stf_filename=swf.100001.000001.stf").json()) == 15


def test_a_slice_may_name_its_sample(api: APIClient, stf_file: StfFile) -> None:
    body = slice_body(fastmon_file="swf.100001.000001_tf_000.tf")
    del body["tf_filename"], body["stf_filename"]
    assert api.post("/api/tf-slices/", body).status_code == 404
    FastMonFile.objects.create(stf_file=stf_file, tf_filename=body["fastmon_file"])
    answer = api.post("/api/tf-slices/", [body])
    assert answer.status_code == 201
    assert answer.json()[0]["stf_filename"] == stf_file.stf_filename
    del body["fastmon_file"]
    assert "tf_filename" in api.post("/api/tf-slices/", body).json()


def test_known_slices_are_refused_and_count_once(api: APIClient, run: Run) -> None:
    api.post("/api/tf-slices/", slice_body())
    again = api.post("/api/tf-slices/", slice_body())
    assert again.status_code == 400
    assert "unique" in str(again.json())
    mixed = api.post("/api/tf-slices/", [slice_body(1), slice_body(0)])
    assert mixed.status_code == 400
    assert list(mixed.json()) == ["1"]
    assert api.post("/api/tf-slices/", [slice_body(2), slice_body(2)]).status_code == 400
    assert counts()["created"] == TFSlice.objects.count() == 1


def test_a_slice_moves_forward_only(api: APIClient, run: Run) -> None:
    key = api.post("/api/tf-slices/", slice_body()).json()["id"]
    path = f"/api/tf-slices/{key}/"
    taken = api.patch(path, {"status": "processing", "assigned_worker": "w1"})
    assert taken.status_code == 200
    assert taken.json()["assigned_worker"] == "w1"
    assert counts() == {"created": 1, "queued": 0, "processing": 1, "completed": 0, "failed": 0}
    assert api.patch(path, {"status": "queued"}).status_code == 409
    assert api.patch(path, {"status": "completed", "retries": 1}).status_code == 200
    assert api.patch(path, {"status": "completed"}).status_code == 200
    assert api.patch(path, {"status": "failed"}).status_code == 409
    assert counts() == {"created": 1, "queued": 0, "processing": 0, "completed": 1, "failed": 0}
    assert api.patch(path, {"status": "gone"}).status_code == 400
    assert api.patch("/api/tf-slices/999/", {"status": "failed"}).status_code == 404
    assert len(api.get("/api/tf-slices/?assigned_worker=w1&status=completed").json()) == 1


def test_a_slice_is_queued_again_for_its_next_try(api: APIClient, run: Run) -> None:
    """As news of it by message may say."""
    key = api.post("/api/tf-slices/", slice_body()).json()["id"]
    path = f"/api/tf-slices/{key}/"
    begun = {"status": "processing", "assigned_worker": "w1", "started_tick": 3.0}
    assert api.patch(path, begun).status_code == 200
    assert api.patch(path, {"status": "queued", "retries": 0}).status_code == 409
    again = api.patch(path, {"status": "queued", "retries": 1, "error": "lost"})
    assert again.status_code == 200, again.content
    row = again.json()
    assert (row["status"], row["retries"], row["error"]) == ("queued", 1, "lost")
    assert (row["assigned_worker"], row["started_tick"]) == ("", None)
    assert counts() == {"created": 1, "queued": 1, "processing": 0, "completed": 0, "failed": 0}
    assert api.patch(path, {"status": "failed"}).status_code == 200
    assert api.patch(path, {"status": "queued", "retries": 2}).status_code == 409


# Run states, workers, events


def test_run_states(api: APIClient, db: None) -> None:
    body = {"run_number": 100003, "phase": "imminent", "target_worker_count": 30, "metadata": {}}
    assert api.post("/api/run-states/", body).status_code == 201
    again = api.post("/api/run-states/", {**body, "target_worker_count": 5, "slices_created": 0})
    assert again.status_code == 200
    assert again.json()["target_worker_count"] == 5
    changed = api.patch("/api/run-states/100003/", {"phase": "physics", "slices_created": 15})
    assert changed.json()["slices_created"] == 15
    later = api.post("/api/run-states/", {"run_number": 100003, "slices_created": 0})
    assert later.json()["slices_created"] == 15
    assert api.get("/api/run-states/100003/").json()["phase"] == "physics"
    assert len(api.get("/api/run-states/?phase=physics").json()) == 1
    assert api.get("/api/run-states/?namespace=torre1").json() == []
    assert api.patch("/api/run-states/1/", {"phase": "physics"}).status_code == 404
    assert api.patch("/api/run-states/100003/", {"phase": "none"}).status_code == 400


def test_run_states_of_a_namespace(
    api: APIClient, new_execution: Callable[..., WorkflowExecution]
) -> None:
    """It is that of the execution, or of the run where there is none."""
    new_execution(1, execution_id="mine", namespace="torre1")
    new_execution(2, execution_id="yours", namespace="torre2")
    for number, execution_id in ((1, "mine"), (2, "yours"), (3, ""), (4, "")):
        RunState.objects.create(run_number=number, execution_id=execution_id, phase="physics")
    Run.objects.create(run_number=3, start_time=timezone.now(), namespace="torre1")
    found = api.get("/api/run-states/?namespace=torre1&phase=imminent,physics").json()
    assert [state["run_number"] for state in found] == [3, 1]
    assert api.get("/api/run-states/?namespace=torre1&phase=imminent").json() == []
    both = api.get("/api/run-states/?namespace=torre1,torre2").json()
    assert [state["run_number"] for state in both] == [3, 2, 1]


def test_workers(api: APIClient, db: None) -> None:
    body = {
        "worker_id": "w-1",
        "run_number": "100001",
        "panda_job": "7",
        "location": "torre",
        "status": "starting",
        "slices_completed": 0,
        "started_at": NOW,
    }
    assert api.post("/api/workers/", body).status_code == 201
    assert api.post("/api/workers/", {**body, "status": "idle"}).status_code == 200
    changed = api.patch("/api/workers/w-1/", {"status": "busy", "current_slice_id": 3})
    assert changed.json()["current_slice_id"] == 3
    assert Worker.objects.get().status == "busy"
    assert api.patch("/api/workers/w-2/", {"status": "busy"}).status_code == 404


def test_events(api: APIClient, db: None) -> None:
    body = {
        "timestamp": NOW,
        "run_number": "100001",
        "event_type": "start_run",
        "state": "run",
        "event_data": {"a": 1},
    }
    answer = api.post("/api/system-state-events/", body)
    assert answer.status_code == 201
    assert SystemStateEvent.objects.get().substate == ""
    number = answer.json()["id"]
    assert api.patch(f"/api/system-state-events/{number}/", {"state": "x"}).status_code == 405
    assert api.post("/api/system-state-events/", {"event_data": 1}).status_code == 400


# Messages and lists


@pytest.fixture
def messages(db: None) -> list[WorkflowMessage]:
    """Seven messages of one execution that were received in another order than sent."""
    begin = timezone.now()
    made: list[WorkflowMessage] = WorkflowMessage.objects.bulk_create(
        WorkflowMessage(
            message_id=f"m{number}",
            message_type="stf_gen" if number % 2 else "stf_ready",
            namespace="torre1",
            sender_agent="s",
            execution_id="e1",
            run_id="100001",
            destination="/topic/epictopic",
            sent_at=begin - timedelta(seconds=number),
            received_at=begin,
            content={"sequence": number},
        )
        for number in range(7)
    )
    return made


def test_messages_of_an_execution_come_in_sent_order(
    reader: APIClient, messages: list[WorkflowMessage]
) -> None:
    found = reader.get("/api/workflow-messages/?execution_id=e1").json()
    assert [message["message_id"] for message in found] == [f"m{n}" for n in range(6, -1, -1)]
    assert found[0]["content"] == {"sequence": 6}
    newest = reader.get("/api/workflow-messages/?run_id=100001").json()
    assert [message["message_id"] for message in newest] == [f"m{n}" for n in range(6, -1, -1)]
    typed = reader.get("/api/workflow-messages/?message_type=stf_gen&namespace=torre1").json()
    assert len(typed) == 3
    near = reader.get("/api/workflow-messages/?msg_type=stf_gen")
    assert near.status_code == 400
    assert "message_type" in near.json()["detail"]


@pytest.mark.parametrize("query", ["", "execution_id=e1", "ordering=newest", "ordering=-sent_at"])
def test_pages_follow_the_link(
    query: str, reader: APIClient, messages: list[WorkflowMessage]
) -> None:
    whole = [m["id"] for m in reader.get(f"/api/workflow-messages/?{query}").json()]
    seen: list[int] = []
    address = f"/api/workflow-messages/?{query}&limit=3"
    while address:
        answer = reader.get(address)
        assert answer["X-Total-Count"] == "7"
        seen += [message["id"] for message in answer.json()]
        link = answer.headers.get("Link", "")
        address = link[1:].partition(">")[0]
    assert seen == whole
    assert len(seen) == 7


def test_a_complete_list_has_no_headers(reader: APIClient, messages: list[WorkflowMessage]) -> None:
    answer = reader.get("/api/workflow-messages/")
    assert "Link" not in answer
    assert "X-Total-Count" not in answer


def test_lists_have_at_most_200_rows(reader: APIClient, db: None) -> None:
    SystemStateEvent.objects.bulk_create(
        SystemStateEvent(timestamp=timezone.now(), event_type="x") for _ in range(201)
    )
    answer = reader.get("/api/system-state-events/")
    assert len(answer.json()) == 200
    assert 'rel="next"' in answer["Link"]
    numbers = [event["id"] for event in answer.json()]
    assert numbers == sorted(numbers, reverse=True)
