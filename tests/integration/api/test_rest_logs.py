"""Log records: with and without a token, one or many, each kept once."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.records.models import AppLog
from swf_common_lib.settings import load_settings

RECORD = {
    "app_name": "data_agent",
    "instance_name": "data-agent-tester-1",
    "timestamp": "2026-05-01T12:00:00",
    "level": 20,
    "levelname": "INFO",
    "message": "  registered\n",
    "module": "data_agent",
    "funcname": "on_stf_gen",
    "lineno": 12,
    "process": 4711,
    "thread": 140737488355328,
    "extra_data": {"execution_id": "e1", "run_id": 100001},
}


@pytest.fixture
def near(db: None) -> APIClient:
    """A client without a token on this host."""
    return APIClient(REMOTE_ADDR="127.0.0.1")


def test_one_record_without_a_token(near: APIClient) -> None:
    answer = near.post("/api/logs/", RECORD)
    assert answer.status_code == 201
    assert answer.json()["id"]
    kept = AppLog.objects.get()
    assert (kept.execution_id, kept.run_id) == ("e1", "100001")
    assert kept.message == "  registered\n"


def test_other_hosts_need_a_token(anonymous: APIClient, api: APIClient, near: APIClient) -> None:
    assert anonymous.post("/api/logs/", RECORD).status_code == 401
    assert api.post("/api/logs/", RECORD).status_code == 201
    assert near.get("/api/logs/").status_code == 401


def test_networks_are_a_setting(anonymous: APIClient, near: APIClient, settings: Any) -> None:
    home = settings.TESTBED.swf_home
    environ = {"SWF_LOG_NETWORKS": "192.0.2.0/24"}
    settings.TESTBED = load_settings(home=home, environ=environ)
    assert anonymous.post("/api/logs/", RECORD).status_code == 201
    assert near.post("/api/logs/", RECORD).status_code == 401
    settings.TESTBED = load_settings(home=home, environ={"SWF_LOG_NETWORKS": "none"})
    assert anonymous.post("/api/logs/", RECORD).status_code == 401


def test_an_array_is_kept_as_a_whole_or_not_at_all(near: APIClient) -> None:
    assert near.post("/api/logs/", [RECORD, RECORD]).status_code == 201
    assert AppLog.objects.count() == 2
    bad = {**RECORD, "level": "loud"}
    answer = near.post("/api/logs/", [RECORD, bad, RECORD])
    assert answer.status_code == 400
    assert list(answer.json()) == ["record 1"]
    assert AppLog.objects.count() == 2
    assert near.post("/api/logs/", []).status_code == 201


def test_a_repeated_record_is_kept_once(near: APIClient) -> None:
    records = [{**RECORD, "record_id": "a"}, {**RECORD, "record_id": "b"}]
    assert near.post("/api/logs/", records).status_code == 201
    assert near.post("/api/logs/", records).status_code == 201
    assert near.post("/api/logs/", records[0]).status_code == 201
    assert AppLog.objects.count() == 2


def test_a_time_without_a_zone_is_local(near: APIClient) -> None:
    local = timezone.get_default_timezone()
    near.post("/api/logs/", RECORD)
    assert AppLog.objects.get().timestamp.astimezone(local).replace(tzinfo=None).hour == 12
    with timezone.override(ZoneInfo("America/New_York")):
        answer = near.post("/api/logs/", RECORD)
    assert answer.json()["timestamp"] == "2026-05-01T16:00:00Z"


@pytest.mark.parametrize("field", ["app_name", "timestamp", "level", "levelname", "message"])
def test_missing_fields(field: str, near: APIClient) -> None:
    body = {name: value for name, value in RECORD.items() if name != field}
    answer = near.post("/api/logs/", body)
    assert answer.status_code == 400
    assert field in answer.json()


@pytest.mark.parametrize("body", ["text", 3, [3], None, [[]]])
def test_what_is_no_record(body: Any, near: APIClient) -> None:
    assert near.post("/api/logs/", body).status_code == 400


def test_filters(near: APIClient, reader: APIClient) -> None:
    for level, name in ((20, "INFO"), (30, "WARNING"), (40, "ERROR")):
        near.post("/api/logs/", {**RECORD, "level": level, "levelname": name})
    assert len(reader.get("/api/logs/?level=warning").json()) == 2
    assert len(reader.get("/api/logs/?level=40").json()) == 1
    assert len(reader.get("/api/logs/?execution_id=e1&text=REGIST").json()) == 3
    assert reader.get("/api/logs/?level=loud").status_code == 400
    assert len(reader.get("/api/logs/?since=2026-05-01&until=2026-05-02T00:00:00Z").json()) == 3
    assert reader.get("/api/logs/?since=-1h").json() == []
