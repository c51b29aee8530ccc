"""Why an execution ended, what is asked of its runner, and whether its clock goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions.control import renew_leases, request_change
from monitor.records.models import SystemAgent, WorkflowExecution
from monitor.records.transitions import transition
from monitor.sweeper.lost_agents import look_after_lost
from monitor.sweeper.sweeper import Sweeper
from swf_common_lib.states import EndCause
from tests.broker_process import BrokerProcess

MakeExecution = Callable[..., WorkflowExecution]
HEARTBEAT = "/api/systemagents/heartbeat/"
BEAT: dict[str, Any] = {"instance_name": "r1", "agent_type": "workflow_runner"}
PAST = timedelta(minutes=10)

pytestmark = pytest.mark.django_db


def reload(execution: WorkflowExecution) -> WorkflowExecution:
    found: WorkflowExecution = WorkflowExecution.objects.get(pk=execution.pk)
    return found


def path_of(execution: WorkflowExecution) -> str:
    return f"/api/workflow-executions/{execution.execution_id}/"


# How it ended


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"end_cause": "finished"}, "finished"),
        ({"end_cause": "workflow_raised"}, "workflow_raised"),
        ({"end_cause": None}, "reported"),
        ({}, "reported"),
    ],
)
def test_a_runner_reports_the_cause_an_agent_in_the_field_none(
    api: APIClient, new_execution: MakeExecution, said: dict[str, Any], kept: str
) -> None:
    execution = new_execution(status="running")
    answer = api.patch(path_of(execution), {"status": "failed", **said})
    assert (answer.status_code, answer.json()["end_cause"]) == (200, kept)
    api.patch(path_of(execution), {"end_cause": "stopped", "run_number": 7})
    assert reload(execution).end_cause == kept  # it came with the end, and with nothing else


def test_a_cause_that_nobody_knows_is_refused(api: APIClient, new_execution: MakeExecution) -> None:
    execution = new_execution(status="running")
    answer = api.patch(path_of(execution), {"status": "failed", "end_cause": "gremlins"})
    assert answer.status_code == 400
    assert "end_cause" in answer.json()
    assert reload(execution).status == "running"


@pytest.mark.parametrize(("status", "cause"), [("completed", "reported"), ("running", "")])
def test_an_execution_that_is_recorded_over_has_a_cause(
    api: APIClient, new_execution: MakeExecution, status: str, cause: str
) -> None:
    body = {
        "execution_id": "own-1",
        "workflow_definition": new_execution().workflow_definition_id,
        "namespace": "n",
        "status": status,
    }
    assert api.post("/api/workflow-executions/", body).json()["end_cause"] == cause


def test_the_monitor_says_why_it_ended_something(new_execution: MakeExecution) -> None:
    past = timezone.now() - PAST
    unclaimed = new_execution(1, expires_at=past)
    lapsed = new_execution(2, status="running", runner="r1", lease_expires_at=past)
    unheard = new_execution(3, status="running", runner="gone", created_at=past)
    unasked = new_execution(4)

    Sweeper(settling=0).sweep()
    look_after_lost(timezone.now())
    request_change(unasked.execution_id, "stop", actor="torre", via="rest")

    found = [reload(one).end_cause for one in (unclaimed, lapsed, unheard, unasked)]
    assert found == ["never_claimed", "runner_lost", "runner_lost", "stopped"]


def test_no_end_without_a_cause(new_execution: MakeExecution) -> None:
    execution = new_execution(status="running")
    with pytest.raises(ValueError, match="cause"):
        transition(execution.execution_id, "failed", actor="a", via="rest")
    assert reload(execution).status == "running"


# What is asked for


def test_what_is_asked_of_a_runner_stands_until_it_is_reached(
    api: APIClient, new_execution: MakeExecution, with_broker: BrokerProcess
) -> None:
    execution = new_execution(status="running", runner="r1")
    asked = timezone.now()

    answer = api.post(f"{path_of(execution)}pause/").json()

    noted = reload(execution)
    assert (noted.requested_change, noted.change_requested_by) == ("pause", "user_operate")
    assert noted.change_requested_at is not None
    assert noted.change_requested_at >= asked
    assert answer["requested_change"] == "pause"
    api.patch(path_of(execution), {"run_number": 100001})
    assert reload(execution).requested_change == "pause"  # it still runs

    api.patch(path_of(execution), {"status": "paused"})

    done = reload(execution)
    assert (done.requested_change, done.change_requested_by) == ("", "")
    assert done.change_requested_at is None
    api.post(f"{path_of(execution)}resume/")
    assert reload(execution).requested_change == "resume"
    api.patch(path_of(execution), {"status": "running"})
    assert reload(execution).requested_change == ""


def test_a_stop_that_is_not_honoured_is_not_forgotten(
    api: APIClient, new_execution: MakeExecution, with_broker: BrokerProcess
) -> None:
    execution = new_execution(status="running", runner="r1")
    api.post(f"{path_of(execution)}stop/")
    api.post(f"{path_of(execution)}pause/")
    api.patch(path_of(execution), {"status": "paused"})
    assert reload(execution).requested_change == "stop"

    Sweeper(settling=0).sweep()
    WorkflowExecution.objects.update(lease_expires_at=timezone.now() - PAST)
    Sweeper(settling=0).sweep()

    ended = reload(execution)
    assert (ended.end_cause, ended.requested_change) == ("runner_lost", "")


def test_nothing_is_asked_for_when_the_broker_is_away(
    api: APIClient, new_execution: MakeExecution
) -> None:
    execution = new_execution(status="running", runner="r1")
    assert api.post(f"{path_of(execution)}stop/").status_code == 503
    assert reload(execution).requested_change == ""


def test_no_agent_writes_what_is_asked_for(api: APIClient, new_execution: MakeExecution) -> None:
    execution = new_execution(status="running")
    told = {"requested_change": "stop", "simulation_tick": 4.0, "tick_changed_at": "2026-05-01"}
    assert api.patch(path_of(execution), told).status_code == 200
    kept = reload(execution)
    assert (kept.requested_change, kept.simulation_tick, kept.tick_changed_at) == ("", None, None)


# Heartbeats


@pytest.mark.parametrize(
    ("said", "kept"),
    [({}, 60.0), ({"heartbeat_interval": None}, 60.0), ({"heartbeat_interval": 2}, 2.0)],
)
def test_a_heartbeat_declares_its_interval(
    api: APIClient, said: dict[str, Any], kept: float
) -> None:
    api.post(HEARTBEAT, {**BEAT, "heartbeat_interval": 7.5})
    answer = api.post(HEARTBEAT, {**BEAT, **said})
    assert (answer.status_code, answer.json()["heartbeat_interval"]) == (200, kept)
    assert SystemAgent.objects.get().heartbeat_interval == kept


@pytest.mark.parametrize("wrong", [0, -1, 3600.5, "soon", [], "nan", "inf"])
def test_an_interval_that_cannot_be_meant_is_refused(api: APIClient, wrong: Any) -> None:
    answer = api.post(HEARTBEAT, {**BEAT, "heartbeat_interval": wrong})
    assert answer.status_code == 400
    assert "heartbeat_interval" in answer.json()
    assert not SystemAgent.objects.exists()


def test_the_interval_of_heartbeats_is_documented(reader: APIClient) -> None:
    schema = reader.get("/api/schema/", headers={"Accept": "application/json"}).json()
    field = schema["components"]["schemas"]["Heartbeat"]["properties"]["heartbeat_interval"]
    assert (field["type"], field["maximum"]) == ("number", 3600.0)


def test_a_clock_that_stands_still_is_seen(
    api: APIClient, new_execution: MakeExecution, django_assert_max_num_queries: Any
) -> None:
    goes_on, stands, silent = (
        new_execution(number, status="running", runner="r1") for number in (1, 2, 3)
    )

    def beat(tick: float) -> None:
        clocks = [
            {"execution_id": goes_on.execution_id, "tick": tick, "speed": 0.0},
            {"execution_id": stands.execution_id, "tick": 12.5, "speed": 1.0},
            silent.execution_id,  # as a runner of an earlier version says it
        ]
        body = {**BEAT, "metadata": {"executions": clocks}}
        assert api.post(HEARTBEAT, body).json()["lost_executions"] == []

    beat(3.0)
    first = {one.pk: reload(one).tick_changed_at for one in (goes_on, stands, silent)}
    with django_assert_max_num_queries(7):
        beat(9.0)
    later = {one.pk: reload(one).tick_changed_at for one in (goes_on, stands, silent)}

    assert [reload(one).simulation_tick for one in (goes_on, stands, silent)] == [9.0, 12.5, None]
    assert first[goes_on.pk] < later[goes_on.pk]  # type: ignore[operator]
    assert first[stands.pk] == later[stands.pk] is not None
    assert later[silent.pk] is None
    assert all(reload(one).lease_expires_at for one in (goes_on, stands, silent))


@pytest.mark.parametrize("tick", [None, "4", [], 10**400, {}])
def test_a_tick_that_is_none_renews_the_lease(
    api: APIClient, new_execution: MakeExecution, tick: Any
) -> None:
    execution = new_execution(status="running", runner="r1")
    clocks = [{"execution_id": execution.execution_id, "tick": tick}, {"tick": 3.0}, 4]
    answer = api.post(HEARTBEAT, {**BEAT, "metadata": {"executions": clocks}})
    assert answer.json()["lost_executions"] == ["None", "4"]
    kept = reload(execution)
    assert (kept.simulation_tick, kept.lease_expires_at is None) == (None, False)


def test_a_thousand_clocks_are_noted_in_one_update(
    new_execution: MakeExecution, django_assert_num_queries: Any
) -> None:
    one = new_execution(1, status="running", runner="r1")
    ticks = {f"other-{number}": float(number) for number in range(999)}
    with django_assert_num_queries(2):
        lost = renew_leases("r1", {one.execution_id: 5.0, **ticks})
    assert len(lost) == 999
    assert reload(one).simulation_tick == 5.0


def test_every_cause_fits_its_column() -> None:
    field = WorkflowExecution._meta.get_field("end_cause")
    assert max(len(cause) for cause in EndCause) <= (field.max_length or 0)
