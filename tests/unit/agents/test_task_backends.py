"""The embedded executor of processing tasks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from agents.task_backends import LocalTasks, TaskRequest, TaskStatus, task_backend
from swf_common_lib.errors import ConfigurationError
from tests.waiting import PATIENCE, wait_until


def request(number: int = 1, **changes: Any) -> TaskRequest:
    values: dict[str, Any] = {
        "request_id": f"n/100001/swf.100001.{number:06d}.stf",
        "dataset": "swf.100001.run",
        "lfn": f"swf.100001.{number:06d}.stf",
        "tf_count": 1000,
        "processing_time": 10.0,
        "time_scale": 0.0,
    }
    return TaskRequest(**{**values, **changes})


@pytest.fixture
def backend() -> Iterator[LocalTasks]:
    local = LocalTasks(lambda: None, slots=2)
    yield local
    local.close()


def finished(backend: LocalTasks, task_id: str) -> TaskStatus:
    wait_until(lambda: backend.status(task_id).final)
    return backend.status(task_id)


def test_an_stf_is_processed(backend: LocalTasks) -> None:
    task_id, duplicate = backend.submit(request())
    assert not duplicate
    assert finished(backend, task_id) is TaskStatus.DONE
    (job,) = backend.jobs(task_id)
    assert job.lfn == "swf.100001.000001.stf"
    assert job.output["tf_processed"] == 1000
    assert job.output["output_filename"] == "swf.100001.000001.processed"


def test_the_output_is_always_the_same_for_a_file() -> None:
    checksums = set()
    for _ in range(2):
        local = LocalTasks(lambda: None)
        task_id, _ = local.submit(request())
        finished(local, task_id)
        checksums.add(local.jobs(task_id)[0].output["output_checksum"])
        local.close()
    assert len(checksums) == 1


def test_the_same_request_is_the_same_task(backend: LocalTasks) -> None:
    first, _ = backend.submit(request())
    again, duplicate = backend.submit(request())
    assert duplicate
    assert again == first
    other, _ = backend.submit(request(2))
    assert other != first


def test_a_restarted_executor_gives_the_same_id(backend: LocalTasks) -> None:
    local = LocalTasks(lambda: None)
    assert local.submit(request())[0] == backend.submit(request())[0]
    local.close()


def test_it_tells_when_a_task_has_finished() -> None:
    told = threading.Event()
    local = LocalTasks(told.set)
    local.submit(request())
    assert told.wait(PATIENCE)
    local.close()


def test_a_paced_task_takes_its_time(backend: LocalTasks) -> None:
    begin = time.monotonic()
    task_id, _ = backend.submit(request(processing_time=10.0, time_scale=100.0))
    assert finished(backend, task_id) is TaskStatus.DONE
    assert time.monotonic() - begin >= 0.1


def test_tasks_beyond_the_slots_wait(backend: LocalTasks) -> None:
    ids = [backend.submit(request(n, processing_time=1000.0, time_scale=1.0))[0] for n in range(3)]
    wait_until(lambda: backend.status(ids[1]) is TaskStatus.RUNNING)
    assert backend.status(ids[2]) is TaskStatus.SUBMITTED
    backend.cancel(ids[2])
    assert backend.status(ids[2]) is TaskStatus.CANCELLED


def test_a_running_task_is_cancelled_unless_softly(backend: LocalTasks) -> None:
    task_id, _ = backend.submit(request(processing_time=1000.0, time_scale=1.0))
    wait_until(lambda: backend.status(task_id) is TaskStatus.RUNNING)
    backend.cancel(task_id, soft=True)
    assert backend.status(task_id) is TaskStatus.RUNNING
    backend.cancel(task_id)
    assert finished(backend, task_id) is TaskStatus.CANCELLED


def test_an_stf_without_time_frames_fails_with_the_reason(backend: LocalTasks) -> None:
    task_id, _ = backend.submit(request(tf_count=0))
    assert finished(backend, task_id) is TaskStatus.FAILED
    assert "has no time frames" in backend.jobs(task_id)[0].error


def test_an_unknown_task_is_unknown(backend: LocalTasks) -> None:
    assert backend.status("local-0") is TaskStatus.UNKNOWN
    assert backend.jobs("local-0") == []
    backend.cancel("local-0")


def test_closing_does_not_wait_for_simulated_time() -> None:
    local = LocalTasks(lambda: None, slots=1)
    for number in range(3):
        local.submit(request(number, processing_time=1000.0, time_scale=1.0))
    begin = time.monotonic()
    local.close()
    assert time.monotonic() - begin < 1000


def test_old_finished_tasks_are_forgotten(
    backend: LocalTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.task_backends.REMEMBERED_TASKS", 2)
    ids = []
    for number in range(4):
        task_id, _ = backend.submit(request(number))
        finished(backend, task_id)
        ids.append(task_id)
    assert backend.status(ids[0]) is TaskStatus.UNKNOWN
    assert backend.status(ids[3]) is TaskStatus.DONE


@pytest.mark.parametrize(("name", "expected"), [("panda", "not available yet"), ("x", "no task")])
def test_what_cannot_serve_is_refused(name: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        task_backend(name, lambda: None)


def test_the_local_executor_serves_when_it_is_named() -> None:
    backend = task_backend("local", lambda: None)
    assert "local executor" in backend.description
    backend.close()
