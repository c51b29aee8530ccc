"""SIGKILL in the middle of a run: nothing is lost, nothing counts twice, nothing stays running."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from orchestrator.runs import Progress, look
from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system

# About 60 simulated seconds, most of them data taking.
SHORT_RUN = (
    "run fast_processing --speed 15 --set slice_processing_time=3 --set worker_rampup_time=5"
    " --set worker_rampdown_time=1"
)
EXPECTED = {
    "run_imminent": 1,
    "start_run": 1,
    "stf_gen": 10,
    "end_run": 1,
    "stf_ready": 10,
    "tf_file_registered": 10,
    "tf_slices_registered": 10,
    "run_imminent_worker": 1,
    "end_run_worker": 1,
}


def started(stack: Stack) -> str:
    """Start a run and give its execution once it takes data."""
    execution_id = stack.run(SHORT_RUN).stdout.strip()
    wait_until(lambda: progress(stack, execution_id).stf_files >= 2, 20)
    return execution_id


def progress(stack: Stack, execution_id: str) -> Progress:
    return look(stack.client(), execution_id)


def messages(stack: Stack, execution_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client().get(
        "workflow-messages/", execution_id=execution_id, limit=1000
    )
    return found


@pytest.mark.parametrize(
    "program",
    [
        "ingest",
        "broker",
        "web",
        "data-agent",
        "fastmon-agent",
        "fast-processing-agent",
        "fast-processing-worker",
    ],
)
def test_nothing_is_lost_and_nothing_counts_twice(running, program):
    execution_id = started(running)

    running.kill(program)

    wait_until(lambda: progress(running, execution_id).over, 60)
    end = progress(running, execution_id)
    assert end.status == "completed"
    assert end.statistics["stf_files"]["registered"] == 10
    assert end.samples == 10
    assert end.slices["created"] == end.slices["completed"] == 150
    found = messages(running, execution_id)
    by_type = Counter(message["message_type"] for message in found)
    assert {kind: by_type[kind] for kind in EXPECTED} == EXPECTED


def test_a_killed_runner_leaves_a_failed_execution_and_a_successor(running):
    execution_id = started(running)

    killed = running.kill("workflow-runner")

    wait_until(lambda: progress(running, execution_id).status == "failed", 20)
    record = running.execution(execution_id)
    assert "stopped answering" in record["error_message"]
    wait_until(
        lambda: "end_run" in {m["message_type"] for m in messages(running, execution_id)}, 10
    )
    wait_until(lambda: running.pid("workflow-runner") not in (0, killed), 10)
    done = running.run("run fast_processing --speed 0 --stf-count 1 --wait")
    assert "15 made, 15 done" in done.stdout
