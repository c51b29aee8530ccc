"""Every page: without rows, with rows, without a session."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from monitor.records.models import (
    Run,
    SystemAgent,
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)
from tests.integration.web.rows import RUN, agent, execution, log, message, whole_run

LISTS = [
    "workflows",
    "executions",
    "runs",
    "run-states",
    "messages",
    "agents",
    "workers",
    "stf-files",
    "tf-samples",
    "slices",
    "events",
    "logs",
]


def pages(done: WorkflowExecution) -> list[str]:
    """Addresses of all pages."""
    return [
        *(reverse(f"web:{name}") for name in ["dashboard", *LISTS]),
        reverse("web:execution", args=[done.execution_id]),
        reverse("web:workflow", args=[done.workflow_definition_id]),
        reverse("web:configuration", args=["stf_datataking_default"]),
        *(reverse("web:run", args=[run.run_number]) for run in Run.objects.all()),
        reverse("web:agent", args=[SystemAgent.objects.order_by("id")[0].instance_name]),
        *(reverse("web:message", args=[m.pk]) for m in WorkflowMessage.objects.all()[:1]),
    ]


def test_ids_with_line_ends_and_slashes_have_pages(browser: Client, installation: Path) -> None:
    odd = "bad\nname/more"
    running = execution(1, "running", execution_id=odd, runner=odd)
    execution(2, "completed", execution_id=f"{odd}/2", runner=odd)
    message(odd, sender_agent=odd)
    agent(odd)
    log(instance_name=odd, execution_id=odd)
    for address in pages(running):
        assert browser.get(address).status_code == 200, address
    assert "bad%0Aname/more" in browser.get("/messages/").text
    for name in ("execution", "agent"):
        page = browser.get(reverse(f"web:{name}", args=[odd]))
        assert page.status_code == 200
        assert odd in page.text


def test_a_database_that_does_not_answer_is_told_on_the_page(
    browser: Client, done: WorkflowExecution
) -> None:
    browser.raise_request_exception = False
    down = OperationalError("connection refused <there>")
    with patch("monitor.web.views.executions.find", side_effect=down):
        answer = browser.get(reverse("web:execution", args=[done.execution_id]))
    assert answer.status_code == 503
    assert "the database does not answer: connection refused &lt;there&gt;" in answer.text
    assert "Try again in a moment." in answer.text
    with patch("monitor.web.views.executions.find", side_effect=ZeroDivisionError):
        answer = browser.get(reverse("web:execution", args=[done.execution_id]))
    assert answer.status_code == 500
    assert "<code>testbed logs web</code>" in answer.text


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["dashboard", *LISTS])
def test_a_page_without_rows_says_so(browser: Client, installation: Path, name: str) -> None:
    answer = browser.get(reverse(f"web:{name}"))
    assert answer.status_code == 200
    assert 'class="empty"' in answer.text


def test_every_page_shows_its_rows(
    browser: Client, installation: Path, done: WorkflowExecution
) -> None:
    for address in pages(done):
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert "<h1>" in answer.text, address


def test_every_page_sends_strangers_to_the_login(
    client: Client, installation: Path, done: WorkflowExecution
) -> None:
    for address in pages(done):
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/login/?next="), address


def test_the_live_part_of_every_page_comes_alone(
    browser: Client, installation: Path, done: WorkflowExecution
) -> None:
    for address in pages(done):
        answer = browser.get(address, headers={"X-Fragment": "1"})
        assert answer.status_code == 200, address
        assert "<html" not in answer.text, address
        assert "<section" in answer.text or "<div" in answer.text, address


def test_the_live_part_without_a_session_is_refused_instead_of_redirected(
    client: Client, db: None
) -> None:
    answer = client.get("/executions/", headers={"X-Fragment": "1"})
    assert answer.status_code == 401


@pytest.mark.parametrize("name", LISTS)
def test_pages_are_read_only(browser: Client, name: str) -> None:
    assert browser.post(reverse(f"web:{name}")).status_code == 405


@pytest.mark.parametrize(
    ("name", "few"),
    [
        ("dashboard", 30),
        ("workflows", 10),
        ("executions", 10),
        ("runs", 10),
        ("messages", 10),
        ("agents", 10),
        ("workers", 10),
        ("stf-files", 10),
        ("tf-samples", 10),
        ("slices", 10),
        ("events", 10),
        ("logs", 10),
    ],
)
def test_a_page_asks_the_database_as_often_for_many_rows_as_for_few(
    browser: Client,
    installation: Path,
    django_assert_max_num_queries: Any,
    name: str,
    few: int,
) -> None:
    whole_run(stfs=12, slices=6)
    for number in range(2, 30):
        execution(number, run_number=RUN)
        message(f"stf_datataking-shifter-{number:04d}")
    browser.get("/")
    with django_assert_max_num_queries(few):
        browser.get(reverse(f"web:{name}"))


def test_an_execution_page_asks_a_bounded_number_of_questions(
    browser: Client, installation: Path, django_assert_max_num_queries: Any
) -> None:
    done = whole_run(stfs=20, slices=15)
    with django_assert_max_num_queries(30):
        browser.get(reverse("web:execution", args=[done.execution_id]))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/executions/stf_datataking-shifter-0011/", "Nearest: stf_datataking-shifter-0001."),
        ("/runs/100002/", "Did you mean 100001?"),
        ("/agents/data-agent-shifter-3/", "Did you mean data-agent-shifter-2?"),
        ("/messages/999999/", "There is no message 999999."),
        ("/messages/99999999999999999999999/", "There is no message"),
        ("/runs/99999999999999999999999/", "There is no run"),
        ("/workflows/999999/", "There is no workflow definition 999999."),
        ("/workflows/configurations/nothing/", "There is no configuration nothing"),
        ("/no/such/page/", "There is no page /no/such/page/"),
    ],
)
def test_what_does_not_exist_is_not_found_and_something_near_is_named(
    browser: Client, installation: Path, done: WorkflowExecution, address: str, says: str
) -> None:
    answer = browser.get(address)
    assert answer.status_code == 404
    assert says in answer.text


def test_pages_forbid_foreign_and_inline_code(browser: Client, installation: Path) -> None:
    answer = browser.get("/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert answer["Cache-Control"] == "no-store"
    assert " style=" not in answer.text
    assert "<script>" not in answer.text
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", answer.text)


def test_text_from_outside_is_never_markup(browser: Client, installation: Path) -> None:
    bad = "<script>alert(1)</script>"
    done = whole_run()
    WorkflowDefinition.objects.update(
        workflow_name=bad, workflow_type=bad, definition=bad, source={"path": bad, "org": bad}
    )
    WorkflowExecution.objects.update(
        namespace=bad,
        executed_by=bad,
        error_message=bad,
        stack_trace=bad,
        status_reason=bad,
        runner=bad,
        parameter_values={bad: {bad: bad}},
        performance_metrics={bad: [bad]},
        execution_environment={bad: bad},
        source={"commit": bad, "text": bad, "path": bad},
        options={bad: bad},
    )
    first = message(
        message_type=bad, sender_agent=bad, namespace=bad, run_id=bad, content={bad: bad}
    )
    for address in [*pages(done), reverse("web:message", args=[first.pk])]:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert "<script>alert" not in answer.text, address


def test_ids_with_odd_characters_lead_to_their_pages(browser: Client, installation: Path) -> None:
    odd = execution(execution_id="a/b c?d#e%f-ü")
    listed = browser.get("/executions/").text
    address = reverse("web:execution", args=[odd.execution_id])
    assert address in listed
    assert "a/b c?d#e%f-ü" in browser.get(address).text
