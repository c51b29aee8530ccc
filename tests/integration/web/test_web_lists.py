"""Filters of the lists, and the pages of long ones."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitor.health.liveness import agents_seen
from monitor.records.models import SystemAgent, WorkflowExecution
from tests.integration.web.rows import agent, execution, log, message


def rows(text: str) -> list[str]:
    """Keys of the rows of the page's tables."""
    return re.findall(r'<tr data-key="([^"]+)"', text)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=running", ["stf_datataking-shifter-0002"]),
        ("status=running,pending", ["stf_datataking-shifter-0003", "stf_datataking-shifter-0002"]),
        ("namespace=other", ["stf_datataking-shifter-0003"]),
        ("executed_by=shifter&status=completed", ["stf_datataking-shifter-0001"]),
        ("workflow_name=nothing", []),
        (
            "status=&namespace=",
            [f"stf_datataking-shifter-{number:04d}" for number in (3, 2, 1)],
        ),
    ],
)
def test_executions_are_filtered(browser: Client, query: str, expected: list[str]) -> None:
    execution(1)
    execution(2, "running")
    execution(3, "pending", namespace="other")
    assert rows(browser.get(f"/executions/?{query}").text) == expected


def test_filters_keep_what_was_chosen(browser: Client) -> None:
    execution(1)
    text = browser.get("/executions/?status=completed&namespace=torre1").text
    assert '<option value="completed" selected>' in text
    assert 'name="namespace" value="torre1"' in text


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/executions/?statsu=running", "did you mean status?"),
        ("/executions/?status=runing", "expected one of pending, running"),
        ("/messages/?run_number=1", "messages cannot be selected by"),
        ("/messages/?before=x", "is not one of this list"),
        ("/messages/?before=WyI5OTk5OTk5OTk5OTk5OTk5OTk5OSJd", "is not one of this list"),
        ("/executions/?before=[]", "is not one of this list"),
        ("/executions/?before=1", "is not one of this list"),
        ("/executions/?after=[1,2]", "is not one of this list"),
        ("/slices/?run_number=abc", "expected a whole number"),
        ("/logs/?level=LOUD", "expected DEBUG"),
        ("/messages/?since=yesterday", "expected a time"),
    ],
)
def test_a_filter_that_cannot_be_used_is_an_error_that_says_why(
    browser: Client, address: str, says: str
) -> None:
    answer = browser.get(address)
    assert answer.status_code == 400
    assert says in answer.text.replace("&#x27;", "'")
    assert 'role="search"' in answer.text


def test_messages_are_filtered(browser: Client) -> None:
    first = message(run_id="100007")
    message(message_type="end_run", sender_agent="other")
    assert rows(browser.get("/messages/?run_id=100007").text) == [str(first.pk)]
    text = browser.get("/messages/?message_type=end_run&sender_agent=other").text
    assert len(rows(text)) == 1


def test_logs_are_filtered_by_level_and_text(browser: Client) -> None:
    log("all is well")
    error = log("the disk is full", level=40, levelname="ERROR")
    assert rows(browser.get("/logs/?level=WARNING").text) == [str(error.pk)]
    assert rows(browser.get("/logs/?text=disk").text) == [str(error.pk)]


def test_a_long_list_is_paged_to_its_end_and_back(browser: Client) -> None:
    numbers = [str(message().pk) for _ in range(120)]
    seen, address, pages = [], "/messages/?namespace=torre1", [0]
    text = browser.get(address).text
    while True:
        found = rows(text)
        seen += found
        pages.append(len(found))
        older = re.search(r'<a href="([^"]+)" rel="next"', text)
        if older is None:
            break
        assert "namespace=torre1" in older[1]
        text = browser.get("/messages/" + older[1].replace("&amp;", "&")).text
    assert pages[1:] == [50, 50, 20]
    assert seen == numbers[::-1]
    newer = re.search(r'<a href="([^"]+)" rel="prev"', text)
    assert newer is not None
    text = browser.get("/messages/" + newer[1].replace("&amp;", "&")).text
    assert rows(text) == numbers[::-1][50:100]
    newer = re.search(r'<a href="([^"]+)" rel="prev"', text)
    assert newer is not None
    text = browser.get("/messages/" + newer[1].replace("&amp;", "&")).text
    assert rows(text) == numbers[::-1][:50]
    assert 'rel="prev"' not in text


def test_new_rows_do_not_shift_an_older_page(browser: Client) -> None:
    for _ in range(60):
        message()
    older = re.search(r'<a href="([^"]+)" rel="next"', browser.get("/messages/").text)
    assert older is not None
    before = rows(browser.get("/messages/" + older[1]).text)
    message()
    assert rows(browser.get("/messages/" + older[1]).text) == before


def test_executions_of_the_same_moment_are_paged_without_loss(browser: Client) -> None:
    moment = execution(0).created_at
    for number in range(1, 120):
        execution(number, created_at=moment)
    seen: list[str] = []
    query: str | None = ""
    while query is not None:
        text = browser.get("/executions/" + query).text
        seen += rows(text)
        older = re.search(r'<a href="([^"]+)" rel="next"', text)
        query = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 120


SEVEN = "WyI3Il0"  # ["7"], the key of a row, as an address holds it


@pytest.mark.parametrize(
    "address",
    [
        "/messages/",
        f"/messages/?before={SEVEN}",
        "/messages/?namespace=torre1",
        f"/messages/?namespace=torre1&after={SEVEN}",
        "/messages/?execution_id=stf_datataking-shifter-0001",
        "/messages/?run_id=100001",
        "/messages/?sender_agent=data-agent-shifter-2",
        "/messages/?message_type=stf_gen",
        "/logs/",
        f"/logs/?before={SEVEN}",
        "/logs/?instance_name=data-agent-shifter-2",
        "/logs/?execution_id=stf_datataking-shifter-0001",
        "/events/",
        "/events/?run_number=100001",
        "/events/?execution_id=stf_datataking-shifter-0001",
        "/slices/",
        "/executions/",
        "/executions/?namespace=torre1",
    ],
)
def test_a_page_takes_its_rows_from_an_index_in_their_order(browser: Client, address: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(address).status_code == 200
    (query,) = [q["sql"] for q in captured if "LIMIT 51" in q["sql"]]
    assert not sorts(query), query


def sorts(query: str) -> bool:
    """Return whether the database would sort all rows, because no index has their order.

    Ordering those that are equal in the first column alone costs nothing.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # In small tables it would read and sort them all: only as the last resort, please.
            for way in ("seqscan", "sort", "hashjoin", "mergejoin"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
            cursor.execute(f"EXPLAIN {query}".replace("%", "%%"))
            steps = [str(row[0]).lstrip(" ->") for row in cursor.fetchall()]
            return any(step.startswith("Sort  (") for step in steps)
        cursor.execute(f"EXPLAIN QUERY PLAN {query}".replace("%", "%%"))
        return any("TEMP B-TREE FOR ORDER BY" in str(row[3]) for row in cursor.fetchall())


def past(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)


def agents_of_all_kinds() -> None:
    """Create agents that are alive, late, silent, replaced, ended, forgotten, never heard of."""
    agent("living-agent", agent_type="data")
    agent("late-agent", agent_type="fastmon", last_heartbeat=past(30), heartbeat_interval=10.0)
    agent("silent-agent", agent_type="worker", last_heartbeat=past(90), heartbeat_interval=10.0)
    agent("replaced-agent", agent_type="data", last_heartbeat=past(90), heartbeat_interval=10.0)
    agent("gone-agent", agent_type="processing", operational_state="EXITED")
    agent("forgotten-agent", agent_type="old", last_heartbeat=past(90_000))
    agent("unheard-agent", agent_type="new", last_heartbeat=None)
    agent("other-host-agent", agent_type="data", hostname="daq02", last_heartbeat=past(90))
    agent("ingest", agent_type="ingest")
    for row in SystemAgent.objects.exclude(instance_name="living-agent"):
        row.first_seen = past(100)
        row.save(update_fields=["first_seen"])


def names(text: str) -> set[str]:
    return set(re.findall(r'<th scope="row" class="name"><a href="/agents/([^/]+)/">', text))


def test_agents_that_are_current_are_shown_and_all_others_on_request(browser: Client) -> None:
    agents_of_all_kinds()
    current = {one.name for one in agents_seen(timezone.now(), everything=True) if one.current}
    assert current == {"living-agent", "late-agent", "silent-agent", "other-host-agent", "ingest"}
    text = browser.get("/agents/").text
    assert names(text) == current
    assert "those that ended" in text
    assert names(browser.get("/agents/?show=all").text) == set(
        SystemAgent.objects.values_list("instance_name", flat=True)
    )
    assert names(browser.get("/agents/?agent_type=data").text) == {
        "living-agent",
        "other-host-agent",
    }
    assert browser.get("/agents/?show=some").status_code == 400


def test_what_an_agent_does_and_its_health_are_told_only_while_it_is_alive(
    browser: Client,
) -> None:
    agents_of_all_kinds()
    text = browser.get("/agents/?show=all").text
    rows = {
        name: re.findall(r'class="badge tone-\w+">(\w+)<', row)
        for name, row in re.findall(r'href="/agents/([^/"]+)/">(.*?)</tr>', text, re.DOTALL)
    }
    assert rows["living-agent"] == ["READY", "OK"]
    assert rows["late-agent"] == ["late", "UNKNOWN"]
    assert rows["silent-agent"] == rows["replaced-agent"] == ["silent", "UNKNOWN"]
    assert rows["gone-agent"] == ["exited", "UNKNOWN"]
    for name in ("living-agent", "late-agent", "gone-agent"):
        told = re.findall(r'class="badge tone-\w+">(\w+)<', browser.get(f"/agents/{name}/").text)
        assert told[:2] == rows[name]


def test_lists_link_to_what_belongs_to_a_row(browser: Client, done: WorkflowExecution) -> None:
    text = browser.get("/executions/").text
    assert f"/executions/{done.execution_id}/" in text
    assert f"/messages/?execution_id={done.execution_id}" in text
    text = browser.get("/tf-samples/").text
    assert "/slices/?tf_filename=swf.100001.000001_tf_000.tf" in text
    assert "/stf-files/?stf_filename=swf.100001.000001.stf" in text
    assert "/runs/100001/" in text
