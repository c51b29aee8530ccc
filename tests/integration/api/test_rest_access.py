"""Who may use the REST interface, and the form of its errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.records.models import ApiToken, LoginLink
from monitor.records.tokens import create_login_link, create_token, redeem_login_link, revoke_token
from swf_common_lib.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound

LISTS = [
    "workflow-definitions",
    "workflow-executions",
    "workflow-messages",
    "systemagents",
    "subscribers",
    "namespaces",
    "logs",
    "runs",
    "run-states",
    "stf-files",
    "fastmon-files",
    "tf-slices",
    "workers",
    "system-state-events",
]


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_an_array_and_needs_a_token(
    name: str, reader: APIClient, anonymous: APIClient
) -> None:
    answer = reader.get(f"/api/{name}/")
    assert (answer.status_code, answer.json()) == (200, [])

    refused = anonymous.get(f"/api/{name}/")
    assert refused.status_code == 401
    assert refused["Content-Type"] == "application/problem+json"
    assert refused["WWW-Authenticate"] == "Token"
    assert "testbed token" in refused.json()["hint"]


@pytest.mark.parametrize("name", LISTS)
def test_lists_refuse_unknown_filters_and_methods(name: str, admin: APIClient) -> None:
    answer = admin.get(f"/api/{name}/?colour=blue")
    assert answer.status_code == 400
    assert "colour" in answer.json()["detail"]
    assert admin.get(f"/api/{name}/?limit=none").status_code == 400
    assert admin.get(f"/api/{name}/?limit=0").status_code == 400
    assert admin.get(f"/api/{name}/?cursor=x").status_code == 400
    assert admin.get(f"/api/{name}/?ordering=colour").status_code == 400
    wrong = admin.delete(f"/api/{name}/")
    assert wrong.status_code == 405
    assert "GET" in wrong["Allow"]
    assert wrong.json()["title"] == "method not allowed"


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("key", ["987654321", "no-such", "%20", "9" * 40])
def test_what_does_not_exist_is_404(name: str, key: str, reader: APIClient) -> None:
    assert reader.get(f"/api/{name}/{key}/").status_code == 404


def test_bearer_is_taken_too(db: None) -> None:
    key = create_token("assistant", "read", "tester")
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert client.get("/api/runs/").status_code == 200


@pytest.mark.parametrize("header", ["Token", "Token a b", "Token swf_wrong", "Bearer \x7f"])
def test_a_bad_token_is_401(header: str, db: None) -> None:
    assert APIClient(HTTP_AUTHORIZATION=header).get("/api/runs/").status_code == 401


def test_scopes(reader: APIClient, api: APIClient) -> None:
    refused = reader.post("/api/state/next-agent-id/")
    assert refused.status_code == 403
    assert "operate" in refused.json()["detail"]
    assert api.post("/api/state/next-agent-id/").status_code == 200


def test_a_revoked_token_is_refused(db: None) -> None:
    key = create_token("gone", "admin", "tester")
    client = APIClient(HTTP_AUTHORIZATION=f"Token {key}")
    assert client.get("/api/runs/").status_code == 200
    revoke_token("gone")
    assert client.get("/api/runs/").status_code == 401
    with pytest.raises(NotFound):
        revoke_token("gone")


def test_tokens_are_stored_hashed_and_named_once(db: None) -> None:
    key = create_token("one", "read", "tester")
    stored = ApiToken.objects.get(name="one")
    assert key not in (stored.digest, stored.name)
    with pytest.raises(Conflict):
        create_token("one", "read", "tester")
    with pytest.raises(InvalidRequest, match="everything"):
        create_token("two", "everything", "tester")
    assert create_token("one", "admin", "tester", replace=True) != key


def test_last_use_is_written_once_a_minute(api: APIClient, django_assert_num_queries: Any) -> None:
    api.get("/api/runs/")
    used = ApiToken.objects.get(name="operate").last_used_at
    assert used is not None
    with django_assert_num_queries(2):  # the token, the runs
        api.get("/api/runs/")
    assert ApiToken.objects.get(name="operate").last_used_at == used
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    api.get("/api/runs/")
    assert ApiToken.objects.get(name="operate").last_used_at > used


def test_a_session_may_operate(db: None) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("shifter"))
    assert client.get("/api/runs/").status_code == 200
    assert client.post("/api/state/next-agent-id/").status_code == 403  # no CSRF token


def test_login_links_work_once(api: APIClient) -> None:
    answer = api.post("/api/login-links/")
    assert answer.status_code == 201
    key = answer.json()["url"].rstrip("/").rpartition("/")[2]
    assert redeem_login_link(key).get_username() == "user_operate"
    with pytest.raises(NotAuthenticated):
        redeem_login_link(key)


def test_login_links_expire(db: None) -> None:
    key = create_login_link("tester")
    LoginLink.objects.update(expires_at=timezone.now())
    with pytest.raises(NotAuthenticated):
        redeem_login_link(key)


def test_unknown_addresses(api: APIClient) -> None:
    answer = api.get("/api/nothing/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    missing_slash = api.post("/api/state/next-run-number")
    assert missing_slash.status_code == 404
    assert "/api/state/next-run-number/" in missing_slash.json()["hint"]


def test_ill_formed_json_is_400(api: APIClient) -> None:
    answer = api.post("/api/runs/", "{", content_type="application/json")
    assert answer.status_code == 400
    assert "JSON" in answer.json()["detail"]
    assert api.post("/api/runs/", "x", content_type="text/weird").status_code == 415


def test_a_database_that_does_not_answer_is_503(api: APIClient) -> None:
    locked = OperationalError("database is locked")
    with patch("monitor.api.views.state.next_run_number", side_effect=locked):
        answer = api.post("/api/state/next-run-number/")
    assert answer.status_code == 503
    assert "locked" in answer.json()["detail"]


def test_the_unexpected_is_500_in_json(api: APIClient) -> None:
    api.raise_request_exception = False
    with patch("monitor.api.views.state.next_run_number", side_effect=ZeroDivisionError):
        answer = api.post("/api/state/next-run-number/")
    assert answer.status_code == 500
    assert answer.json()["title"] == "server error"


def test_descriptions(api: APIClient, anonymous: APIClient) -> None:
    schema = anonymous.get("/api/schema/?format=json").json()
    listing = schema["paths"]["/api/workflow-messages/"]["get"]
    names = {parameter["name"] for parameter in listing["parameters"]}
    assert {"execution_id", "since", "until", "limit", "cursor", "ordering"} <= names
    assert listing["responses"]["200"]["content"]["application/json"]["schema"]["type"] == "array"
    assert anonymous.get("/api/docs/").status_code == 200
    assert api.get("/api/", HTTP_ACCEPT="text/html").status_code == 200
    page = api.get("/api/workflow-executions/", HTTP_ACCEPT="text/html")
    assert page.status_code == 200
    assert "text/html" in page["Content-Type"]
