"""Reading and writing what became of a slice."""

from __future__ import annotations

from typing import Any

import pytest

from agents.workers.results import ResultWriter, outcome
from swf_common_lib.messages import SliceResult, SliceWork

WORK = SliceWork.model_validate(
    {
        "msg_type": "slice",
        "run_id": "100001",
        "created_at": "2026-01-01T00:00:00+00:00",
        "content": {
            "run_id": "100001",
            "execution_id": "x-u-0001",
            "req_id": "r",
            "filename": "swf.100001.000001.stf",
            "tf_filename": "swf.100001.000001_tf_000.tf",
            "slice_id": 7,
            "start": 3,
            "end": 5,
            "tf_count": 3,
            "retries": 1,
        },
    }
)
TIMES = ("2026-01-01T00:00:01+00:00", "2026-01-01T00:00:31+00:00")


def result(content: Any, sender: str = "") -> SliceResult:
    return SliceResult(
        msg_type="slice_result", run_id="100001", sender=sender, message_id="m", content=content
    )


def test_a_result_reads_as_it_was_written() -> None:
    content = ResultWriter().content(WORK, worker="w.1.0", ticks=(20.0, 50.0), times=TIMES)
    read = outcome(result(content))
    assert read is not None
    assert read.state() == {
        "tf_filename": "swf.100001.000001_tf_000.tf",
        "slice_id": 7,
        "status": "completed",
        "worker": "w.1.0",
        "retries": 1,
        "started_tick": 20.0,
        "finished_tick": 50.0,
        "processing_start_at": TIMES[0],
        "processed_at": TIMES[1],
    }
    inner = content["result"]["result"]
    assert inner["processed"] is True
    assert inner["actual_processing_time"] == 30.0
    assert (inner["start"], inner["end"]) == (3, 5)


def test_a_failure_says_which_slice_and_gives_the_request_back() -> None:
    content = ResultWriter().content(
        WORK, worker="w", ticks=(20.0, 50.0), times=TIMES, error="broken"
    )
    assert content["result"] == {"state": "failed", "result": None, "error": "broken"}
    assert (content["slice_id"], content["req_id"]) == (7, "r")
    read = outcome(result(content))
    assert read is not None
    assert read.failed
    assert read.error == "broken"
    assert read.request == WORK.content.model_dump()
    assert read.state()["status"] == "failed"


def test_a_result_of_an_older_worker_names_the_slice_inside_only() -> None:
    content = {
        "state": "done",
        "hostname": "node7",
        "processing_start_at": TIMES[0],
        "processed_at": TIMES[1],
        "panda_task_id": 5,
        "result": {"state": "done", "result": {"slice_id": "4", "tf_filename": "t"}, "error": None},
    }
    read = outcome(result(content))
    assert read is not None
    assert (read.slice_id, read.tf_filename, read.worker, read.retries) == (4, "t", "node7", 0)
    assert "started_tick" not in read.state()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state": "failed", "result": None},
        {"state": "done", "result": {"result": "text"}},
        {"slice_id": "x", "tf_filename": "t"},
        {"slice_id": [1], "tf_filename": "t"},
        {"slice_id": 1},
        {"slice_id": 2**40, "tf_filename": "t"},
        {"slice_id": -1, "tf_filename": "t"},
        {"slice_id": 1, "tf_filename": "t" * 300},
    ],
)
def test_a_result_that_names_no_slice_is_not_understood(content: Any) -> None:
    assert outcome(result(content)) is None
