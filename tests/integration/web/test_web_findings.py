"""What needs a hand, on the dashboard and on the page of an execution."""

from __future__ import annotations

from pathlib import Path

from django.test import Client

from tests.integration.web.rows import execution
from tests.page_findings import ShownFinding, findings_on


def test_each_finding_says_in_attributes_what_it_is(browser: Client, installation: Path) -> None:
    one = execution(1, "failed", end_cause="workflow_raised", error_message="ValueError: no")
    failed = ShownFinding("workflow_raised", f"execution {one.pk}", "mend_workflow")
    away = ShownFinding("broker_away", "service broker", "start_services")
    page = browser.get(f"/executions/{one.pk}/").content.decode()
    assert {failed, away} <= set(findings_on(page))
    page = browser.get("/").content.decode()
    assert away in findings_on(page)
