"""What a scrape asks of the database, and how the figures come about."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitor.probes.metrics import Metrics
from monitor.records.models import RunState, SystemAgent

QUESTIONS = 6
"""Executions, runs, newest message, agents (2), ingest."""


@pytest.fixture
def metrics(db: None, settings: Any) -> Metrics:
    return Metrics(settings.TESTBED)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for family in metrics.collect()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return found[0] if found else None


def test_a_scrape_counts_neither_messages_nor_slices(metrics: Metrics) -> None:
    list(metrics.collect())  # what is found is kept for a while
    with CaptureQueriesContext(connection) as asked:
        list(metrics.collect())

    statements = [one["sql"] for one in asked.captured_queries]
    assert len(statements) <= QUESTIONS
    assert not [sql for sql in statements if "tfslice" in sql]
    (message,) = [sql for sql in statements if "workflowmessage" in sql]
    assert "MAX(" in message
    assert "COUNT(" not in message


def test_what_goes_through_all_runs_is_asked_once_for_several_scrapes(metrics: Metrics) -> None:
    list(metrics.collect())
    with CaptureQueriesContext(connection) as asked:
        list(metrics.collect())

    assert not [one for one in asked.captured_queries if "runstate" in one["sql"]]
    assert not [one for one in asked.captured_queries if "workflowexecution" in one["sql"]]


def test_slices_are_the_sum_over_runs_and_runs_are_counted_by_phase(metrics: Metrics) -> None:
    for number, phase in enumerate(("physics", "processing", "processing")):
        RunState.objects.create(run_number=number, phase=phase, slices_completed=number + 1)

    assert value(metrics, "swf_runs", phase="processing") == 2
    assert value(metrics, "swf_runs", phase="physics") == 1
    assert value(metrics, "swf_runs", phase="imminent") == 0
    assert value(metrics, "swf_slices", status="completed") == 6


def test_the_lag_is_that_of_an_ingest_that_reports(metrics: Metrics) -> None:
    row = SystemAgent.objects.create(
        instance_name="monitor-ingest",
        agent_type="ingest",
        last_heartbeat=timezone.now(),
        mq_connected=True,
        metadata={"lag_seconds": 1.5},
    )
    assert value(metrics, "swf_ingest_up") == 1
    assert value(metrics, "swf_ingest_lag_seconds") == 1.5

    row.mq_connected = False
    row.save()
    assert value(metrics, "swf_ingest_up") == 0
    assert value(metrics, "swf_ingest_lag_seconds") is None


def test_two_servers_share_no_figures(metrics: Metrics, settings: Any) -> None:
    other = Metrics(settings.TESTBED)
    metrics.request_times.labels("a", "GET", "2xx").observe(1)

    assert b'view="a"' in metrics.exposition("")[0]
    assert b'view="a"' not in other.exposition("")[0]
