"""Logging in with a one-time link, and logging out."""

from __future__ import annotations

from pathlib import Path

from django.test import Client

from monitor.records.models import LoginLink
from monitor.records.tokens import create_login_link


def test_the_login_page_says_how_to_get_in(client: Client, db: None) -> None:
    answer = client.get("/login/")
    assert answer.status_code == 200
    assert "testbed login" in answer.text


def test_a_link_opens_a_session_once(client: Client, db: None, installation: Path) -> None:
    key = create_login_link("shifter")
    answer = client.get(f"/login/{key}/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "shifter" in client.get("/").text
    again = Client().get(f"/login/{key}/")
    assert again.status_code == 401
    assert "used already" in again.text
    assert "testbed login" in again.text


def test_looking_ahead_does_not_use_a_link_up(client: Client, db: None) -> None:
    key = create_login_link("shifter")
    assert client.head(f"/login/{key}/").status_code == 405
    assert client.get(f"/login/{key}/").status_code == 302


def test_an_expired_link_opens_nothing(client: Client, db: None) -> None:
    key = create_login_link("shifter")
    LoginLink.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert client.get(f"/login/{key}/").status_code == 401
    assert client.get("/").status_code == 302


def test_logging_out_ends_the_session(browser: Client) -> None:
    assert browser.post("/logout/")["Location"] == "/login/"
    assert browser.get("/").status_code == 302


def test_who_is_logged_in_needs_no_login_page(browser: Client) -> None:
    assert browser.get("/login/")["Location"] == "/"
