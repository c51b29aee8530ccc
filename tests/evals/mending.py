"""Incidents to find, each by what the first answer says, and to mend with what it advises."""

from __future__ import annotations

from tests.evals.session import Session
from tests.evals.task import State, Task


async def _status(s: Session, _: State) -> None:
    await s.call("get_system_status")


async def _failed_slices(s: Session, given: State) -> None:
    await s.call("get_system_status")
    await s.call("list_tf_slices", run_number=given["failing_run"], status="failed", limit=2)


async def _broken_file(s: Session, _: State) -> None:
    await s.call("get_system_status")


async def _refused(s: Session, _: State) -> None:
    await s.call("start_workflow", parameters={"stf_count": -1})
    await s.call("get_system_status")


async def _unserved(s: Session, given: State) -> None:
    status = await s.call("get_system_status")
    (one,) = [f for f in status["findings"] if f["subject"].endswith(given["unserved"])]
    assert one["remedy"] == "start_in_served_namespace", one
    assert one["next"].startswith("start_agents cannot help"), one


async def _endless(s: Session, given: State) -> None:
    await s.call("get_system_status")
    await s.call("stop_workflow", execution_id=given["endless"], reason="it has no end")


async def _lost_worker(s: Session, given: State) -> None:
    await s.call("get_system_status")
    await s.call("get_agent", name=given["lost_worker"])
    listed = await s.call("list_agents")
    assert given["lost_worker"] not in str(listed), "it was replaced"


async def _hung(s: Session, given: State) -> None:
    await s.call("get_system_status")
    await s.call("stop_agents", agents=["workflow-runner"])
    await s.call("start_agents", agents=["workflow-runner"])
    await s.call("wait_for_workflow", execution_id=given["hung"], timeout_s=60)


async def _frozen(s: Session, given: State) -> None:
    refused = await s.call("start_agents")
    assert "frozen" in refused["refused"], refused
    await s.call("stop_agents", agents=["data-agent"])
    started = await s.call("start_agents", agents=["data-agent"])
    assert started["started"], started
    listed = await s.call("list_agents", agent_type="data")
    assert [item["liveness"] for item in listed["items"]] == ["alive"], listed
    assert given["frozen"] not in str(listed), listed


async def _frozen_agent(s: Session, _: State) -> None:
    await s.call("get_agent", name="data-agent")


FAILED_IN_THE_STATUS = (
    Task(
        "failed executions in the status",
        "Does anything need a hand?",
        _status,
        ("workflow_raised of {broken}", "configuration_unusable", "{lacking}", "mend_workflow"),
        most_calls=1,
    ),
)
SLICES_FAIL = (
    Task(
        "half the slices failed",
        "Is the testbed healthy, and is there anything wrong with its latest run?",
        _failed_slices,
        ("slices_failed", "{failing}", "of 30 slices", "list_tf_slices", '"status":"failed"'),
    ),
    Task(
        "broken configuration",
        "Can every configuration be used?",
        _broken_file,
        ("configuration_broken", "broken_beam.toml", "mend_file"),
        most_calls=1,
    ),
    Task(
        "a refused start leaves a trace",
        "Somebody's start of -1 STFs was refused: who, and why?",
        _refused,
        ("start_refused", "stf_count = -1", "mend_configuration"),
    ),
)
NOBODY_SERVES_IT = (
    Task(
        "namespace without agents",
        "Why is nothing of {unserved} processed, and would start_agents help?",
        _unserved,
        ("work_abandoned of {unserved}|error: {unserved}", "{elsewhere}", "start_agents cannot"),
        most_calls=1,
    ),
)
ENDLESS = (
    Task(
        "endless at full speed",
        "Does anything need a hand? Do what is advised.",
        _endless,
        ("endless_at_full_speed", "{endless}", "stop_execution", '"status":"terminated"'),
    ),
)
WORKER_KILLED = (
    Task(
        "worker killed with slices in hand",
        "What became of {lost_worker}, and of the slices that it had?",
        _lost_worker,
        ("agent_lost", "process_died", "SIGKILL", "in hand", "no good-bye"),
        most_calls=3,
    ),
)
WORKFLOW_HANGS = (
    Task(
        "hung workflow",
        "Why does {hung} not end? See that it does.",
        _hung,
        ("stop_not_honoured", "{hung}", "restart_runner", '"finished":true'),
        most_calls=4,
    ),
)
AGENT_FROZEN = (
    Task(
        "frozen agent looked at",
        "How is the data agent?",
        _frozen_agent,
        ("agent_frozen", "{frozen}", "stop_agents("),
        most_calls=1,
    ),
    Task(
        "frozen agent mended",
        "Start all agents; see that the data agent works.",
        _frozen,
        ("stop_agents", "listening: data-agent"),
        most_calls=4,
    ),
)
