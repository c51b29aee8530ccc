"""The history names who asked for something, and who carried it out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions.requesters import AGENTS_END_WITHIN
from monitor.records.models import SystemAgent, SystemStateEvent, WorkflowExecution
from monitor.records.transitions import record_event
from tests.broker_process import BrokerProcess

MakeExecution = Callable[..., WorkflowExecution]
STOPPED: dict[str, Any] = {"programs": ["workflow-runner", "data-agent"], "host": "torre"}

pytestmark = pytest.mark.django_db


def path_of(execution: WorkflowExecution) -> str:
    return f"/api/workflow-executions/{execution.execution_id}/"


def last_event(event_type: str) -> tuple[str, str, Any]:
    event = SystemStateEvent.objects.filter(event_type=event_type).latest("id")
    return event.actor, event.via, event.event_data.get("carried_out_by")


@pytest.fixture
def running(new_execution: MakeExecution) -> WorkflowExecution:
    SystemAgent.objects.create(instance_name="r1", agent_type="workflow_runner", hostname="torre")
    return new_execution(status="running", runner="r1")


def test_who_asked_for_a_change_is_its_actor(
    api: APIClient, admin: APIClient, running: WorkflowExecution, with_broker: BrokerProcess
) -> None:
    admin.post(f"{path_of(running)}pause/")
    api.patch(path_of(running), {"status": "paused"})
    assert last_event("execution_paused") == ("user_admin", "rest", "r1")

    api.post(f"{path_of(running)}resume/")
    api.patch(path_of(running), {"status": "running"})
    assert last_event("execution_running") == ("user_operate", "rest", "r1")

    admin.post(f"{path_of(running)}stop/", {"reason": "enough"})
    api.patch(
        path_of(running),
        {"status": "terminated", "end_cause": "stopped", "status_reason": "enough"},
    )
    assert last_event("execution_terminated") == ("user_admin", "rest", "r1")
    running.refresh_from_db()
    assert (running.ended_by, running.status_reason) == ("user_admin", "enough")


def test_an_end_of_its_own_is_nobodys_though_a_stop_was_asked_for(
    api: APIClient, admin: APIClient, running: WorkflowExecution, with_broker: BrokerProcess
) -> None:
    admin.post(f"{path_of(running)}stop/")
    api.patch(path_of(running), {"status": "completed", "end_cause": "finished"})
    assert last_event("execution_completed") == ("r1", "rest", None)
    running.refresh_from_db()
    assert (running.ended_by, running.end_cause, running.requested_change) == ("r1", "finished", "")


def test_who_stopped_the_agents_ended_what_they_executed(
    api: APIClient, running: WorkflowExecution
) -> None:
    record_event("", "agents_stop_requested", actor="maria", via="cli", data=STOPPED)
    end = {"status": "terminated", "end_cause": "runner_stopped", "status_reason": "r1 is stopping"}
    api.patch(path_of(running), end)
    assert last_event("execution_terminated") == ("maria", "cli", "r1")
    running.refresh_from_db()
    assert running.ended_by == "maria"
    assert running.status_reason == "r1 is stopping: its agents were stopped by maria"


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({**STOPPED, "host": "elsewhere"}, "runner_stopped"),
        ({**STOPPED, "programs": ["data-agent"]}, "runner_stopped"),
        ({**STOPPED, "programs": 3}, "runner_stopped"),
        ({}, "runner_stopped"),
        (STOPPED, "stopped"),
    ],
)
def test_other_agents_were_stopped(
    api: APIClient, running: WorkflowExecution, told: dict[str, Any], cause: str
) -> None:
    record_event("", "agents_stop_requested", actor="maria", via="cli", data=told)
    api.patch(path_of(running), {"status": "terminated", "end_cause": cause})
    assert last_event("execution_terminated") == ("r1", "rest", None)


def test_agents_were_stopped_long_ago(api: APIClient, running: WorkflowExecution) -> None:
    record_event("", "agents_stop_requested", actor="maria", via="cli", data=STOPPED)
    long_ago = timezone.now() - AGENTS_END_WITHIN - timedelta(seconds=1)
    SystemStateEvent.objects.update(created_at=long_ago)
    api.patch(path_of(running), {"status": "terminated", "end_cause": "runner_stopped"})
    assert last_event("execution_terminated") == ("r1", "rest", None)
