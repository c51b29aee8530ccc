"""Wishes that something be done."""

from __future__ import annotations

from tests.evals.session import Session
from tests.evals.task import State, Task


async def _why_pending(s: Session, given: State) -> None:
    await s.call("diagnose_execution", execution_id=given["waiting"])


async def _bring_up(s: Session, given: State) -> None:
    await s.call("get_system_status")
    await s.call("start_agents")
    await s.call(
        "wait_for_workflow",
        execution_id=given["waiting"],
        include_processing=True,
        timeout_s=60,
    )


async def _from_nothing(s: Session, _: State) -> None:
    await s.call("get_system_status")
    started = await s.call(
        "start_workflow",
        config="fast_processing",
        stf_count=5,
        realtime=False,
        idempotency_key="five",
    )
    execution_id = started["execution_id"]
    for _try in range(3):
        standing = await s.call(
            "wait_for_workflow", execution_id=execution_id, include_processing=True, timeout_s=60
        )
        if standing["finished"]:
            break
    await s.call("get_workflow_execution", execution_id=execution_id)


async def _twice(s: Session, _: State) -> None:
    ids = set()
    for _try in range(2):
        started = await s.call(
            "start_workflow", stf_count=1, realtime=False, idempotency_key="only-once"
        )
        ids.add(started["execution_id"])
    assert len(ids) == 1, ids


async def _one_call(s: Session, _: State) -> None:
    await s.call("run_workflow", parameters={"stf_count": 1}, timeout_s=60, speed=0)


async def _pause_and_go_on(s: Session, given: State) -> None:
    await s.call("pause_workflow", execution_id=given["going"], reason="access to the hall")
    await s.call("resume_workflow", execution_id=given["going"])


async def _stop(s: Session, given: State) -> None:
    await s.call("stop_workflow", execution_id=given["going"], reason="done for today")


async def _mistaken(s: Session, _: State) -> None:
    arguments = {"target_worker_cont": 60, "stf_sampling_rate": 3}
    refused = await s.call("start_workflow", parameters=arguments)
    assert "target_worker_count" in refused["refused"], refused
    good = {"target_worker_count": 60, "stf_sampling_rate": 0.3}
    await s.call("validate_workflow_config", parameters=good)


async def _refused(s: Session, _: State) -> None:
    wanted = {"stf_count": -5, "slice_processing_time": "long"}
    refused = await s.call("start_workflow", config="fast_processing", parameters=wanted)
    assert "stf_count" in refused["refused"], refused
    assert "slice_processing_time" in refused["refused"], refused
    started = await s.call("list_workflow_executions", status="pending", since="-1m")
    assert started["total"] == 0, started


async def _say(s: Session, _: State) -> None:
    text = {"text": "the hall is open"}
    await s.call("send_message", message_type="shift_note", content=text)


NOTHING_RUNS = (
    Task(
        "why it does not begin",
        "Why does {waiting} not begin?",
        _why_pending,
        (
            "runner_missing",
            "commands that wait for one: 1",
            '"/queue/workflow_control":{{"waiting":1,"in_hand":0,"consumers":0',
            "start_agents",
        ),
        most_calls=1,
    ),
    Task(
        "bring it up",
        "Bring the testbed up, and tell me when {waiting} is done.",
        _bring_up,
        ("start_agents", "workflow-runner", "completed"),
        most_calls=3,
    ),
)
DOING = (
    Task(
        "from nothing to a result",
        "Is the testbed healthy? Run fast processing with 5 STFs, tell me when it is done and "
        "whether the workers kept up.",
        _from_nothing,
        ("healthy", "completed", "205", '"keeps_up":false'),
        most_calls=5,
    ),
    Task("start it once", "Start one STF; my connection is bad.", _twice, ("execution_id",)),
    Task("run it in one go", "Run one STF and wait.", _one_call, ("completed",), 1),
    Task(
        "pause and go on",
        "Pause {going} for an access, then let it go on.",
        _pause_and_go_on,
        ("paused", "running", '"done":true'),
    ),
    Task(
        "mistaken parameters",
        "Check a run with 60 workers and a sampling rate of 0.3.",
        _mistaken,
        ("target_worker_count", "stf_sampling_rate", '"ok":true', "60"),
    ),
    Task(
        "configuration refused",
        "Start fast processing with -5 STFs and a slice_processing_time of 'long'. What was wrong "
        "with it, and was anything started?",
        _refused,
        ("-5", "stf_count", "a whole number from 1", "slice_processing_time", "a number from"),
    ),
    Task("tell everybody", "Tell everybody that the hall is open.", _say, ("shift_note",), 1),
    Task("stop it", "Stop {going}.", _stop, ("terminated", '"done":true'), 1),
)
"""After some runs, and after everything that only looks."""
