"""Requests that are refused before a view sees them say why, to people and to programs."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from monitor.records.models import ApiToken
from swf_common_lib.errors import InvalidRequest


def test_a_host_name_that_is_not_ours() -> None:
    page = Client().get("/login/", headers={"host": "<evil>.example.org"})
    assert page.status_code == 400
    assert "&lt;evil&gt;.example.org" in page.text
    assert "SWF_PUBLIC_URL" in page.text

    answer = Client().get("/api/status/", headers={"host": "evil.example.org"})
    assert answer.status_code == 400
    assert "evil.example.org" in answer.json()["detail"]
    assert "SWF_ALLOWED_HOSTS" in answer.json()["hint"]


def test_a_form_that_is_too_large(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("shifter"))
    page = client.post("/executions/start/", {"parameters": "x" * 3_000_000})
    assert page.status_code == 400
    assert "too large" in page.text


@pytest.mark.parametrize("user", ["ann b", "-ann", "x" * 101])
def test_a_token_for_nobody(user: str, db: None) -> None:
    with pytest.raises(InvalidRequest, match="cannot be a user's name"):
        call_command("token", "create", "token", f"--user={user}")
    assert not ApiToken.objects.exists()
