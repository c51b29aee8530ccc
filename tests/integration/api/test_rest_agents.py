"""Agents, heartbeats, namespaces, subscribers, numbers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.records.models import SystemAgent, WorkflowExecution

BEAT = {
    "instance_name": "data-agent-tester-1",
    "agent_type": "data",
    "status": "OK",
    "description": "registers runs and files",
    "mq_connected": True,
    "pid": 4711,
    "hostname": "torre",
    "operational_state": "READY",
    "namespace": "torre1",
    "workflow_enabled": True,
    "current_stf_count": 3,
    "total_stf_processed": 12,
    "metadata": {"version": 1},
}


def test_the_first_heartbeat_is_201_later_ones_200(api: APIClient) -> None:
    first = api.post("/api/systemagents/heartbeat/", BEAT)
    assert first.status_code == 201
    assert first.json()["instance_name"] == BEAT["instance_name"]
    assert first.json()["last_heartbeat"].endswith("Z")

    later = api.post("/api/systemagents/heartbeat/", {**BEAT, "operational_state": "PROCESSING"})
    assert later.status_code == 200
    assert later.json()["operational_state"] == "PROCESSING"
    assert later.json()["id"] == first.json()["id"]
    assert [a["instance_name"] for a in api.get("/api/systemagents/").json()] == [
        BEAT["instance_name"]
    ]


def test_a_heartbeat_leaves_what_it_does_not_name(api: APIClient) -> None:
    api.post("/api/systemagents/heartbeat/", BEAT)
    answer = api.post(
        "/api/systemagents/heartbeat/", {"instance_name": BEAT["instance_name"], "status": "ERROR"}
    )
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["pid"]) == ("ERROR", 4711)


def test_bad_heartbeats(api: APIClient) -> None:
    nameless = api.post("/api/systemagents/heartbeat/", {"agent_type": "data"})
    assert nameless.status_code == 400
    assert "instance_name" in nameless.json()
    typeless = api.post("/api/systemagents/heartbeat/", {"instance_name": "x"})
    assert "agent_type" in typeless.json()
    wrong = api.post("/api/systemagents/heartbeat/", {**BEAT, "status": "FINE", "pid": "x"})
    assert set(wrong.json()) == {"status", "pid"}
    assert api.post("/api/systemagents/heartbeat/", {**BEAT, "metadata": 3}).status_code == 400
    assert api.get("/api/systemagents/heartbeat/").status_code in (404, 405)


def test_a_runners_heartbeat_renews_its_leases(
    api: APIClient, new_execution: Callable[..., WorkflowExecution]
) -> None:
    soon = timezone.now() + timedelta(seconds=1)
    mine = new_execution(1, status="running", runner="r1", lease_expires_at=soon)
    new_execution(2, status="running", runner="r2", lease_expires_at=soon)
    new_execution(3, status="failed", runner="r1")
    ids = [f"trial-tester-{number:04d}" for number in (1, 2, 3, 4)]
    beat = {**BEAT, "instance_name": "r1", "metadata": {"executions": ids}}
    answer = api.post("/api/systemagents/heartbeat/", beat)
    assert answer.json()["lost_executions"] == ids[1:]
    mine.refresh_from_db()
    assert mine.lease_expires_at is not None
    assert mine.lease_expires_at > soon + timedelta(seconds=5)


def test_a_heartbeat_asks_the_database_little(
    api: APIClient, django_assert_max_num_queries: Any
) -> None:
    api.post("/api/systemagents/heartbeat/", BEAT)
    with django_assert_max_num_queries(6):
        api.post("/api/systemagents/heartbeat/", BEAT)


def test_agents_by_id_and_name(api: APIClient) -> None:
    number = api.post("/api/systemagents/heartbeat/", BEAT).json()["id"]
    assert api.get(f"/api/systemagents/{number}/").json()["pid"] == 4711
    assert api.get(f"/api/systemagents/{BEAT['instance_name']}/").json()["pid"] == 4711


def test_agents_are_filtered(api: APIClient) -> None:
    for number, kind in enumerate(("data", "data", "worker")):
        SystemAgent.objects.create(instance_name=f"a{number}", agent_type=kind, namespace="n")
    assert len(api.get("/api/systemagents/?agent_type=data").json()) == 2
    assert len(api.get("/api/systemagents/?agent_type=data,worker").json()) == 3
    assert api.get("/api/systemagents/?namespace=other").json() == []
    assert api.get("/api/systemagents/?status=bad").status_code == 400


def test_numbers(api: APIClient) -> None:
    assert api.post("/api/state/next-agent-id/").json() == {"status": "success", "agent_id": 1}
    assert api.post("/api/state/next-agent-id/").json()["agent_id"] == 2
    first = api.post("/api/state/next-run-number/").json()
    assert first == {"status": "success", "run_number": 100001}
    assert api.post("/api/state/next-run-number/").json()["run_number"] == 100002
    path = "/api/state/next-workflow-execution-id/"
    for name, sequence in (("a", 1), ("a", 2), ("b", 1)):
        answer = api.post(path, {"workflow_name": name})
        assert answer.json() == {"status": "success", "sequence": sequence}
    bodies: list[Any] = [{}, {"workflow_name": ""}, {"workflow_name": 3}, []]
    for body in bodies:
        refused = api.post(path, body)
        assert refused.status_code == 400
        assert refused.json() == {"status": "error", "error": "workflow_name is required"}
    assert api.get("/api/state/next-run-number/").status_code == 405


def test_namespaces_are_ensured(api: APIClient) -> None:
    body = {"name": "torre1", "owner": "torre", "description": "trials"}
    answer = api.post("/api/namespaces/ensure/", body)
    assert answer.status_code == 200
    assert answer.json() == {"status": "success", **body, "created": True}
    again = api.post("/api/namespaces/ensure/", {"name": "torre1", "owner": "someone"})
    assert again.json() == {"status": "success", **body, "created": False}
    assert api.get("/api/namespaces/torre1/").json()["owner"] == "torre"


def test_bad_namespaces(api: APIClient) -> None:
    bodies: list[Any] = [{}, {"name": ""}, {"name": " "}, {"name": None}, ["x"]]
    for body in bodies:
        answer = api.post("/api/namespaces/ensure/", body)
        assert answer.status_code == 400
        assert answer.json() == {"status": "error", "error": "name is required"}
    assert api.post("/api/namespaces/ensure/", {"name": "a/b"}).json()["status"] == "error"
    assert api.post("/api/namespaces/ensure/", {"name": "a", "owner": 1}).status_code == 400


def test_subscribers(api: APIClient) -> None:
    body = {"subscriber_name": "s1", "description": "d", "is_active": True, "fraction": 0.1}
    answer = api.post("/api/subscribers/", body)
    assert answer.status_code == 201
    again = api.post("/api/subscribers/", body)
    assert again.status_code == 400
    assert "already exists" in again.content.decode()
    assert "subscriber" in again.content.decode()
    changed = api.patch(f"/api/subscribers/{answer.json()['id']}/", {"is_active": False})
    assert changed.json()["is_active"] is False


@pytest.mark.parametrize("name", ["a\nb", "a\x07"])
def test_a_name_that_cannot_be_printed_is_refused(api: APIClient, name: str) -> None:
    body = {"instance_name": name, "agent_type": "data", "status": "OK"}
    answer = api.post("/api/systemagents/heartbeat/", body)
    assert answer.status_code == 400
    assert "printable" in answer.json()["instance_name"][0]
    answer = api.post("/api/workers/", {"worker_id": name, "run_number": 1})
    assert answer.status_code == 400
    assert "printable" in answer.json()["worker_id"][0]
