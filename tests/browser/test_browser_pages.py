"""The pages in a real browser: zones, live updates, buttons, narrow windows."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from monitor.records.models import WorkflowExecution
from monitor.records.transitions import record_event
from tests.browser.chromium import Chromium
from tests.integration.web.rows import execution, message, whole_run
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = [
    "",
    "workflows/",
    "workflows/configurations/stf_datataking_default/",
    "executions/",
    "executions/stf_datataking-shifter-0001/",
    "runs/",
    "runs/100001/",
    "run-states/",
    "messages/",
    "agents/",
    "agents/data-agent-shifter-2/",
    "workers/",
    "stf-files/",
    "tf-samples/",
    "slices/",
    "events/",
    "logs/",
]


def has_text(browser: Chromium, text: str) -> bool:
    return text in str(browser.run("document.body.innerText"))


def fill(browser: Chromium, name: str, text: str) -> None:
    """Type into a field; the page does not renew itself meanwhile."""
    field = f"document.querySelector('[name={name}]')"
    browser.run(f"{field}.focus(); {field}.value = {json.dumps(text)}")


def test_times_are_in_the_zone_of_the_reader(shifter: Chromium, monitor: str) -> None:
    noon = datetime(2026, 7, 1, 16, 30, 5, tzinfo=timezone.utc)
    execution(1, start_time=noon)
    shifter.open(f"{monitor}/executions/")
    assert has_text(shifter, "2026-07-01 12:30:05")
    assert has_text(shifter, "Times are in America/New_York")


def test_a_page_follows_what_happens_without_being_loaded_again(
    shifter: Chromium, monitor: str
) -> None:
    one = execution(1, "running")
    shifter.open(f"{monitor}/executions/")
    shifter.run("window.same = true")
    shifter.run("document.querySelector('th a').focus()")
    WorkflowExecution.objects.filter(pk=one.pk).update(status="completed")
    execution(2, "running")
    wait_until(lambda: has_text(shifter, "stf_datataking-shifter-0002"))
    assert has_text(shifter, "completed")
    assert shifter.run("window.same") is True
    assert shifter.run("document.activeElement.textContent") == one.execution_id
    assert shifter.run("document.getElementById('live-state').textContent") == "live"
    assert not has_text(shifter, "UTC")


def test_a_reason_that_is_being_typed_is_left_alone(shifter: Chromium, monitor: str) -> None:
    one = execution(1, "running")
    shifter.open(f"{monitor}/executions/{one.execution_id}/")
    fill(shifter, "reason", "half a rea")
    WorkflowExecution.objects.filter(pk=one.pk).update(status="paused")
    shifter.run("new Promise(resume => setTimeout(resume, 2500))")
    assert has_text(shifter, "running")
    shifter.run("document.activeElement.blur()")
    wait_until(lambda: has_text(shifter, "Resume"))


def test_a_page_says_when_its_session_has_ended(shifter: Chromium, monitor: str) -> None:
    shifter.open(f"{monitor}/executions/")
    Session.objects.all().delete()
    wait_until(lambda: has_text(shifter, "signed out"))


def test_a_workflow_is_started_and_stopped_with_the_mouse(shifter: Chromium, monitor: str) -> None:
    shifter.open(f"{monitor}/")
    fill(shifter, "stf_count", "4")
    shifter.click("document.querySelector('#start button')")
    made = WorkflowExecution.objects.get()
    assert made.section("daq_state_machine")["stf_count"] == 4
    assert has_text(shifter, made.execution_id)
    fill(shifter, "reason", "a mistake")
    shifter.click("[...document.querySelectorAll('button')].find(b => b.textContent == 'Stop')")
    made.refresh_from_db()
    assert made.status == "terminated"
    assert has_text(shifter, "a mistake")
    assert not shifter.run(
        "[...document.querySelectorAll('button')].some(b => b.textContent == 'Stop')"
    )


def test_a_change_that_came_too_late_is_explained_and_the_page_goes_on(
    shifter: Chromium, monitor: str
) -> None:
    one = execution(1, "running")
    shifter.open(f"{monitor}/executions/{one.execution_id}/")
    fill(shifter, "reason", "too late")
    WorkflowExecution.objects.filter(pk=one.pk).update(status="completed")
    shifter.click("[...document.querySelectorAll('button')].find(b => b.textContent == 'Stop')")
    assert shifter.run("document.querySelector('[role=alert]').innerText").startswith(one.pk)
    wait_until(lambda: shifter.run("document.getElementById('live-state').textContent") == "live")
    assert shifter.run("document.querySelector('[role=alert]') !== null")


def test_what_needs_a_hand_is_told_and_done_with_one_button(
    shifter: Chromium, monitor: str
) -> None:
    shifter.open(f"{monitor}/")
    shifter.click("document.querySelector('#start button')")
    lost = WorkflowExecution.objects.get()
    shifter.open(f"{monitor}/")
    shifter.run("window.same = true")
    WorkflowExecution.objects.update(
        status="failed", end_cause="runner_lost", runner="runner-1", end_time=now()
    )
    record_event(lost.pk, "execution_failed", actor="sweeper", via="monitor")
    entry = f"[data-code=runner_lost][data-subject='execution {lost.pk}']"
    wait_until(lambda: shifter.run(f"document.querySelector({json.dumps(entry)}) !== null"))
    assert shifter.run("window.same") is True, "the list follows without a reload"
    told = shifter.run(f"document.querySelector({json.dumps(entry)}).innerText")
    assert "The runner of this execution, runner-1, died or was cut off." in told
    button = f"{entry} form[action$='/again/'] button"
    shifter.click(f"document.querySelector({json.dumps(button)})")
    again = WorkflowExecution.objects.exclude(pk=lost.pk).get()
    assert again.parameter_values == lost.parameter_values
    assert shifter.run("location.pathname") == f"/executions/{again.pk}/"
    assert shifter.complaints == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_no_page_is_wider_than_its_window_nor_finds_fault_with_itself(
    shifter: Chromium, monitor: str, tmp_path: Path, width: int, dark: bool
) -> None:
    whole_run(stfs=10, slices=15)
    long = message(content={"raw": "x" * 5000, "nested": {"y" * 300: ["z" * 500]}})
    execution(2, "failed", error_message="e" * 400, stack_trace="t" * 900)
    shifter.look(width=width, dark=dark)
    pictures = Path(os.environ.get("SWF_PICTURES", tmp_path))
    more = [f"messages/{long.pk}/", "executions/stf_datataking-shifter-0002/", "login/"]
    for page in PAGES + more:
        shifter.open(f"{monitor}/{page}")
        shifter.picture(pictures / f"{width}-{page.strip('/').replace('/', '-') or 'home'}.png")
        widest = shifter.run("document.documentElement.scrollWidth")
        assert widest <= width, f"/{page} is {widest} wide"
    assert shifter.complaints == []


@pytest.mark.parametrize("page", ["api/", "api/docs/", "api/workflow-executions/"])
def test_the_pages_of_rest_work_under_the_security_policy(
    shifter: Chromium, monitor: str, page: str
) -> None:
    execution(1)
    shifter.open(f"{monitor}/{page}")
    wait_until(lambda: has_text(shifter, "workflow-executions"))
    assert shifter.complaints == []


def test_the_keyboard_reaches_the_content_first(shifter: Chromium, monitor: str) -> None:
    shifter.open(f"{monitor}/executions/")
    shifter.press("Tab")
    assert shifter.run("document.activeElement.textContent") == "Skip to the content"
