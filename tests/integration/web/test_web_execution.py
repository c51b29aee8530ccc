"""Starting an execution from the browser, looking at it, and changing its course."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client

from monitor.executions.announcer import Announcer
from monitor.records.models import SystemStateEvent, WorkflowExecution
from tests.integration.web.rows import execution, message


def start(browser: Client, **fields: str) -> Any:
    values = {"config": "stf_datataking_default", "mode": "fast", **fields}
    return browser.post("/executions/start/", values)


def test_the_form_offers_the_configurations_and_the_default_namespace(
    browser: Client, installation: Path
) -> None:
    text = browser.get("/").text
    assert '<option value="stf_datataking_default"' in text
    assert 'placeholder="torre1"' in text


def test_a_link_to_the_form_chooses_its_configuration(browser: Client, installation: Path) -> None:
    text = browser.get("/?config=stf_datataking_default").text
    assert re.search(r'<option value="stf_datataking_default" selected', text)


def test_a_start_makes_a_pending_execution_and_leads_to_it(
    browser: Client, installation: Path
) -> None:
    answer = start(browser, stf_count="3", parameters="stf_interval = 1.5\n\n# a comment\n")
    made = WorkflowExecution.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/executions/{made.execution_id}/"
    assert made.status == "pending"
    assert made.executed_by == "shifter"
    assert made.started_through == "web"
    assert made.namespace == "torre1"
    assert made.section("daq_state_machine")["stf_count"] == 3
    assert made.section("daq_state_machine")["stf_interval"] == 1.5
    text = browser.get(answer["Location"]).text
    assert ">pending<" in text
    assert "Stop</button>" in text


@pytest.mark.parametrize(
    ("mode", "speed", "kept"), [("fast", "", 0), ("realtime", "", 1), ("paced", "12.5", 12.5)]
)
def test_the_speed_is_kept_with_the_execution(
    browser: Client, installation: Path, mode: str, speed: str, kept: float
) -> None:
    start(browser, mode=mode, speed=speed)
    assert WorkflowExecution.objects.get().options["speed"] == kept


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"config": ""}, "No workflow configuration was chosen."),
        ({"config": "nothing"}, "nothing"),
        ({"config": "../../etc/passwd"}, "is not the name of a configuration"),
        ({"stf_count": "three"}, "is not a whole number"),
        ({"mode": "paced", "speed": "quick"}, "is not a number"),
        ({"mode": "paced", "speed": "-1"}, "speed"),
        ({"mode": "sideways"}, "Mode 'sideways' is unknown."),
        ({"parameters": "stf_cuont = 3"}, "stf_count"),
        ({"parameters": "no assignment"}, "is not an assignment"),
        ({"namespace": "a b"}, "namespace"),
        ({"stf_count": "-1"}, "stf_count"),
    ],
)
def test_what_cannot_be_started_says_why_and_keeps_the_form(
    browser: Client, installation: Path, fields: dict[str, str], says: str
) -> None:
    answer = start(browser, **{"namespace": "mine", "parameters": "stf_interval = 3", **fields})
    text = answer.text.replace("&#x27;", "'")
    assert answer.status_code == 400
    assert says in text
    for name in ("namespace", "stf_count", "speed"):
        kept = {"namespace": "mine", **fields}.get(name, "")
        assert re.search(rf'name="{name}"[^>]* value="{re.escape(kept)}"', text), name
    assert not WorkflowExecution.objects.exists()


def test_a_start_without_session_or_token_of_the_form_is_refused(
    operator: User, installation: Path
) -> None:
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.post("/executions/start/", {}).status_code == 403
    stranger.force_login(operator)
    answer = stranger.post("/executions/start/", {"config": "stf_datataking_default"})
    assert answer.status_code == 403
    assert "without the proof" in answer.text
    assert not WorkflowExecution.objects.exists()


def test_a_state_change_by_get_is_refused(browser: Client) -> None:
    running = execution(1, "running")
    for change in ("stop", "pause", "resume"):
        assert browser.get(f"/executions/{running.execution_id}/{change}/").status_code == 405
    assert browser.get("/executions/start/").status_code in (404, 405)
    assert browser.get("/logout/").status_code == 405


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        ("pending", ["Stop"]),
        ("running", ["Pause", "Stop"]),
        ("paused", ["Resume", "Stop"]),
        ("completed", []),
        ("failed", []),
        ("terminated", []),
    ],
)
def test_only_changes_that_apply_are_offered(
    browser: Client, status: str, buttons: list[str]
) -> None:
    one = execution(1, status)
    text = browser.get(f"/executions/{one.execution_id}/").text
    assert re.findall(r">(Stop|Pause|Resume)</button>", text) == buttons


def test_a_pending_execution_is_stopped_at_once_with_its_reason(browser: Client) -> None:
    one = execution(1, "pending")
    answer = browser.post(f"/executions/{one.execution_id}/stop/", {"reason": "not needed"})
    assert answer.status_code == 302
    one.refresh_from_db()
    assert one.status == "terminated"
    event = SystemStateEvent.objects.get(event_type="execution_terminated")
    assert (event.actor, event.via) == ("shifter", "web")
    text = browser.get(answer["Location"]).text
    assert "not needed" in text


def test_a_stop_that_the_broker_has_not_confirmed_is_told(browser: Client) -> None:
    one = execution(1, "running")
    with (
        patch.object(Announcer, "require_broker"),
        patch.object(Announcer, "publish", return_value=False),
    ):
        answer = browser.post(f"/executions/{one.execution_id}/stop/")
    assert answer.status_code == 200
    assert "The broker has not confirmed the stop yet" in answer.text
    assert SystemStateEvent.objects.filter(event_type="stop_requested", via="web").exists()


@pytest.mark.parametrize("change", ["stop", "pause", "resume"])
def test_a_change_of_a_finished_execution_says_that_it_is_over(
    browser: Client, change: str
) -> None:
    one = execution(1, "completed")
    answer = browser.post(f"/executions/{one.execution_id}/{change}/", {"reason": "my reason"})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert "completed" in answer.text
    assert one.execution_id in answer.text


def test_a_change_of_an_unknown_execution_is_not_found(browser: Client) -> None:
    execution(1)
    answer = browser.post("/executions/stf_datataking-shifter-0009/stop/")
    assert answer.status_code == 404
    assert "stf_datataking-shifter-0001" in answer.text


def test_the_page_shows_what_the_execution_did(browser: Client, done: WorkflowExecution) -> None:
    text = browser.get(f"/executions/{done.execution_id}/").text
    address = "https://github.com/BNLNPPS/swf-testbed/blob/0123456789abcdef/"
    assert f'href="{address}workflows/stf_datataking.py"' in text
    assert "with local changes" in text
    assert "slice_processing_time" in text
    assert "end run" in text
    assert "205 workers would have kept up" in text
    assert "did not keep up" in text
    assert "225 workers" in text, "the nominal figure, named so"
    assert "<small>of 10</small>" in text, "STFs asked for, of which 3 were made"
    assert "<dt>Failed / unfinished</dt><dd>1 <small>/ 0</small>" in text
    assert "<svg" in text
    assert 'href="/agents/workflow-runner-shifter-1/"' in text
    assert f"/logs/?execution_id={done.execution_id}" in text


def test_an_execution_without_a_repository_has_no_source_link(browser: Client) -> None:
    one = execution(1, source={"commit": "abc"})
    one.workflow_definition.source = {"path": "/x.py", "org": "a/../b", "repo": "c"}
    one.workflow_definition.save()
    assert "github.com" not in browser.get(f"/executions/{one.execution_id}/").text


def test_a_failed_execution_shows_error_and_trace(browser: Client) -> None:
    one = execution(1, "failed", error_message="the broker <went>", stack_trace="File x, line 1")
    text = browser.get(f"/executions/{one.execution_id}/").text
    assert "the broker &lt;went&gt;" in text
    assert "File x, line 1" in text


@pytest.mark.parametrize(
    "values",
    [
        [],
        "text",
        {"parameters": {"stf_interval_sec": "x"}},
        None,
        {"fast": {"items": 5, "keys": 1}, "items": {"items": {"items": 2}}},
    ],
)
def test_odd_parameters_recorded_by_others_do_not_break_the_pages(
    browser: Client, installation: Path, values: object
) -> None:
    one = execution(1, parameter_values=values or {}, options={"items": 3})
    assert browser.get(f"/executions/{one.execution_id}/").status_code == 200
    assert browser.get("/executions/").status_code == 200
    assert browser.get("/").status_code == 200


def test_a_section_and_a_key_called_items_are_shown(browser: Client, installation: Path) -> None:
    (installation / "workflows" / "odd.toml").write_text(
        '[workflow]\nname = "stf_datataking"\n[items]\nitems = 4711\n'
    )
    one = execution(1, parameter_values={"items": {"items": 4711}})
    for address in (f"/executions/{one.execution_id}/", "/workflows/configurations/odd/"):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert "[items]" in answer.text
        assert ">4711" in answer.text


def test_a_form_sent_twice_starts_once(browser: Client, installation: Path) -> None:
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', browser.get("/").text)
    assert key is not None
    first, second = (start(browser, key=key[1], stf_count="2") for _ in range(2))
    assert first["Location"] == second["Location"]
    changed = start(browser, key=key[1], stf_count="3")
    assert changed.status_code == 302
    assert changed["Location"] != first["Location"]
    again = re.search(r'name="key" value="([^"]+)"', browser.get("/").text)
    assert again is not None
    assert again[1] != key[1]


def test_a_reason_without_end_changes_nothing(browser: Client) -> None:
    one = execution(1, "pending")
    answer = browser.post(f"/executions/{one.execution_id}/stop/", {"reason": "x" * 2001})
    assert answer.status_code == 400
    assert "the reason has 2001 characters: expected up to 2000" in answer.text
    one.refresh_from_db()
    assert one.status == "pending"


def test_a_message_is_shown_field_by_field_and_as_json(browser: Client) -> None:
    one = message(content={"slices": [{"slice_id": 7, "times": {"start": 1.5}}], "empty": {}})
    following = message(message_type="end_run")
    text = browser.get(f"/messages/{one.pk}/").text
    assert "slices.0.times.start" in text
    assert f'href="/messages/{following.pk}/"' in text
    assert "/topic/epictopic" in text


def test_a_message_that_nests_without_end_is_shown(browser: Client) -> None:
    content: object = "bottom"
    for _ in range(400):
        content = {"k": [content]}
    one = message(content={"raw": content})
    assert browser.get(f"/messages/{one.pk}/").status_code == 200
