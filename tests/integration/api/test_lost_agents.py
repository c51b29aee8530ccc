"""What becomes of the executions and workers of agents that are gone without a word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.records.models import (
    RunState,
    SystemAgent,
    Worker,
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.sweeper.lost_agents import LOST_AFTER, look_after_lost
from monitor.sweeper.sweeper import Sweeper

pytestmark = pytest.mark.django_db

MakeExecution = Callable[..., WorkflowExecution]
LONG_AGO = 2 * LOST_AFTER
PROCESS = "worker-agent-torre-7"


def agent(name: str, silent_for: timedelta = timedelta(0)) -> SystemAgent:
    made: SystemAgent = SystemAgent.objects.create(
        instance_name=name, agent_type="any", last_heartbeat=timezone.now() - silent_for
    )
    return made


def worker(process: str, number: int, **fields: Any) -> Worker:
    worker_id = f"{process}.100001.{number}"
    made: Worker = Worker.objects.create(worker_id=worker_id, run_number=100001, **fields)
    return made


def test_workers_of_a_killed_process_work_no_more() -> None:
    agent(PROCESS, silent_for=LONG_AGO)
    agent("worker-agent-torre-8")
    RunState.objects.create(run_number=100001, active_worker_count=5)
    busy = worker(PROCESS, 0, status="busy", current_slice_id=3, tf_filename="a.tf")
    idle = worker(PROCESS, 1, status="idle")
    starting = worker(PROCESS, 2, status="starting")
    stopped = worker(PROCESS, 3, status="stopped")
    others = [
        worker("worker-agent-torre-8", 0, status="busy"),
        worker("nobody-knows", 0, status="busy"),
        Worker.objects.create(worker_id="panda-17", run_number=100001, status="busy"),
    ]

    look_after_lost(timezone.now())
    look_after_lost(timezone.now())  # nothing counts twice

    for lost in (busy, idle, starting):
        lost.refresh_from_db()
        assert (lost.status, lost.current_slice_id, lost.tf_filename) == ("failed", None, "")
        assert lost.ended_at is not None
    for untouched in (stopped, *others):
        before = untouched.status
        untouched.refresh_from_db()
        assert (untouched.status, untouched.ended_at) == (before, None)
    assert RunState.objects.get().active_worker_count == 3


def test_an_execution_whose_named_runner_is_gone_is_failed(
    api: APIClient, definition: WorkflowDefinition
) -> None:
    agent("runner-that-lives")
    for number, runner in enumerate(("runner-that-lives", "runner-that-never-was", "")):
        body = {
            "execution_id": f"trial-torre-{number:04d}",
            "workflow_definition": definition.pk,
            "namespace": "torre1",
            "status": "running",
            "executed_by": "torre",
            "runner": runner,
        }
        assert api.post("/api/workflow-executions/", body).json()["runner"] == runner

    look_after_lost(timezone.now())  # too early to tell
    assert set(WorkflowExecution.objects.values_list("status", flat=True)) == {"running"}
    WorkflowExecution.objects.update(created_at=timezone.now() - LONG_AGO)
    look_after_lost(timezone.now())

    found = dict(WorkflowExecution.objects.values_list("runner", "status"))
    assert found == {
        "runner-that-lives": "running",
        "runner-that-never-was": "failed",
        "": "running",
    }
    failed = WorkflowExecution.objects.get(status="failed")
    assert "runner-that-never-was has missed 5 heartbeats" in failed.error_message
    assert failed.end_unannounced


def test_a_runner_is_known_by_its_messages(new_execution: MakeExecution) -> None:
    agent("runner-1", silent_for=LONG_AGO)
    old = {"status": "paused", "created_at": timezone.now() - LONG_AGO}
    for number, sender in ((1, "runner-1"), (2, "no-agent")):
        execution = new_execution(number, **old)
        WorkflowMessage.objects.create(
            message_id=str(number),
            message_type="run_imminent",
            execution_id=execution.execution_id,
            sender_agent=sender,
            destination="/topic/epictopic",
            sent_at=timezone.now(),
            received_at=timezone.now(),
            content={},
        )
    leased = new_execution(
        3, **old, runner="runner-1", lease_expires_at=timezone.now() + timedelta(minutes=1)
    )

    look_after_lost(timezone.now())

    statuses = WorkflowExecution.objects.order_by("execution_id").values_list("status", flat=True)
    assert list(statuses) == ["failed", "paused", "paused"]
    leased.refresh_from_db()
    assert leased.status == "paused"  # its lease decides


def test_the_sweeper_looks_once_it_may_have_heard_everybody(new_execution: MakeExecution) -> None:
    agent(PROCESS, silent_for=LONG_AGO)
    RunState.objects.create(run_number=100001, active_worker_count=1)
    lost = worker(PROCESS, 0, status="busy")
    Sweeper(settling=0).sweep()
    lost.refresh_from_db()
    assert lost.status == "busy"
    Sweeper(patience=0).sweep()
    lost.refresh_from_db()
    assert lost.status == "failed"
