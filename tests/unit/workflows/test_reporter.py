"""Reports reach the monitor in their order, however long it is away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from swf_common_lib.monitor_client import MonitorClient
from tests.http_server import serving
from tests.waiting import wait_until
from workflows.runner.reporter import Reporter


class Reports:
    """Answers a PATCH with each of ``statuses`` in turn, with the last of them from then on."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[tuple[int, Any]] = []

    def __call__(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        assert (method, path) == ("PATCH", "/api/workflow-executions/own-me-1/")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.heard.append((status, body))
        return status, {"detail": "as the test wants"}


def report(answer: Callable[[str, str, Any], tuple[int, Any]], *changes: dict[str, Any]) -> int:
    tried: list[dict[str, Any]] = []
    with serving(answer) as url:
        reporter = Reporter(MonitorClient(url, "token"), "own-me-1", threading.Event())
        for change in changes:
            reporter.report(change, lambda change=change: tried.append(change))  # type: ignore[misc]
        reporter.close()
    return len(tried)


def test_changes_are_reported_in_order() -> None:
    reports = Reports(200)
    assert report(reports, {"status": "paused"}, {"status": "running"}) == 2
    assert [body["status"] for _, body in reports.heard] == ["paused", "running"]


def test_a_monitor_that_is_away_is_tried_again() -> None:
    reports = Reports(503, 502, 500, 200)
    assert report(reports, {"status": "completed"}) == 1
    assert [status for status, _ in reports.heard] == [503, 502, 500, 200]


def test_what_the_monitor_refuses_is_not_repeated() -> None:
    reports = Reports(409, 404, 400, 200)
    assert report(reports, {"a": 1}, {"b": 2}, {"c": 3}) == 3
    assert [body for _, body in reports.heard] == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_waiting_ends_when_it_is_given_up() -> None:
    give_up, tried = threading.Event(), threading.Event()
    reporter = Reporter(MonitorClient("http://127.0.0.1:9", ""), "own-me-1", give_up)
    reporter.report({"status": "completed"}, tried.set)
    wait_until(tried.is_set)
    give_up.set()
    reporter.close()


def test_nothing_to_report_needs_no_thread() -> None:
    Reporter(MonitorClient("http://127.0.0.1:9", ""), "own-me-1", threading.Event()).close()
