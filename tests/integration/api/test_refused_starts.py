"""A start that was refused leaves a trace: who tried what, and what was wrong with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions import StartRequest, start
from monitor.executions.refusals import COUNTED_WITHIN, LONGEST_PROBLEM, MOST_PROBLEMS
from monitor.records.models import SystemStateEvent, WorkflowExecution
from swf_common_lib.errors import ConfigurationError

START = "/api/workflow-executions/start/"
FAULTY = {"workflow": "stf_datataking", "parameters": {"stf_cuont": 3, "stf_interval": "x"}}

pytestmark = pytest.mark.django_db


def refused(client: APIClient) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = client.get(
        "/api/system-state-events/?event_type=start_refused"
    ).json()
    return events


def test_a_refused_start_names_its_user_and_its_faults(api: APIClient) -> None:
    answer = api.post(START, {**FAULTY, "namespace": "torre1"})
    assert answer.status_code == 400
    (event,) = refused(api)
    assert (event["actor"], event["via"]) == ("user_operate", "rest")
    data = event["event_data"]
    assert (data["workflow"], data["namespace"], data["count"]) == ("stf_datataking", "torre1", 1)
    assert data["problems"] == answer.json()["problems"]
    assert len(data["problems"]) == 2
    assert not WorkflowExecution.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"workflow": "no_such_workflow"},
        {"workflow": "stf_datataking", "speed": -1},
        {"workflow": "stf_datataking", "stf_count": 5},
        {"workflow": "stf_datataking", "duration": "long"},
        [],
    ],
)
def test_whatever_is_wrong_with_it(api: APIClient, body: Any) -> None:
    assert api.post(START, body).status_code in (400, 404)
    (event,) = refused(api)
    assert event["event_data"]["problems"]


def test_a_key_of_another_request(api: APIClient) -> None:
    body = {"workflow": "stf_datataking", "idempotency_key": "k"}
    api.post(START, body)
    assert refused(api) == []
    assert api.post(START, {**body, "duration": 5}).status_code == 409
    assert "idempotency key" in refused(api)[0]["event_data"]["problems"][0]


def test_the_same_refusal_is_counted_another_is_not(api: APIClient, admin: APIClient) -> None:
    for _ in range(3):
        api.post(START, FAULTY)
    admin.post(START, FAULTY)
    api.post(START, {"workflow": "no_such_workflow"})
    api.post(START, FAULTY)
    counts = [(one["actor"], one["event_data"]["count"]) for one in reversed(refused(api))]
    assert counts == [("user_operate", 4), ("user_admin", 1), ("user_operate", 1)]

    SystemStateEvent.objects.update(
        timestamp=timezone.now() - COUNTED_WITHIN - timedelta(seconds=1)
    )
    api.post(START, FAULTY)
    assert len(refused(api)) == 4


def test_what_anybody_sent_as_such_an_event_is_no_harm(api: APIClient) -> None:
    api.post(START, FAULTY)
    for data in ({}, {"count": "x"}, {**refused(api)[0]["event_data"], "count": "x"}):
        SystemStateEvent.objects.create(
            event_type="start_refused",
            actor="user_operate",
            via="rest",
            timestamp=timezone.now(),
            event_data=data,
        )
    assert api.post(START, FAULTY).status_code == 400
    assert SystemStateEvent.objects.earliest("id").event_data["count"] == 2


def test_it_is_bounded() -> None:
    parameters = {f"no_such_{number}_{'x' * 600}": 1 for number in range(50)}
    with pytest.raises(ConfigurationError):
        start(StartRequest(workflow="stf_datataking", parameters=parameters))
    problems = SystemStateEvent.objects.get().event_data["problems"]
    assert len(problems) == MOST_PROBLEMS
    assert max(len(one) for one in problems) <= LONGEST_PROBLEM


def test_a_check_leaves_a_trace_when_a_start_follows_it(api: APIClient, home: Path) -> None:
    check = "/api/workflow-executions/check/"
    assert api.post(check, FAULTY).status_code == 400
    assert refused(api) == []
    assert api.post(f"{check}?before_start=true", FAULTY).status_code == 400
    assert api.post(f"{check}?before_start=true", {"no_such_field": 1}).status_code == 400
    assert len(refused(api)) == 2


@pytest.mark.django_db(transaction=True)
def test_without_history_the_refusal_is_answered_all_the_same(api: APIClient) -> None:
    table = SystemStateEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO put_away")
    try:
        answer = api.post(START, FAULTY)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE put_away RENAME TO {table}")
    assert (answer.status_code, len(answer.json()["problems"])) == (400, 2)
