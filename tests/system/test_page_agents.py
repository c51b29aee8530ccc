"""Agents that are down are started, and others restarted, with the buttons of the dashboard."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page_findings import ShownFinding, findings_shown
from tests.stack import Stack
from tests.system.ways import submit
from tests.waiting import wait_until

pytestmark = pytest.mark.system

DOWN = ShownFinding("agent_down", "program data-agent", "start_agents")


def last_act(stack: Stack, event_type: str) -> dict[str, Any]:
    """Return the newest event of a type, once there is one that came through the pages."""

    def newest() -> dict[str, Any]:
        rows = stack.client().get("system-state-events/", event_type=event_type, via="web", limit=1)
        return dict(rows[0]) if rows else {}

    return wait_until(newest)


def test_an_agent_that_is_down_is_started_from_the_page(running: Stack) -> None:
    running.run(["stop-agents", "data-agent"])
    wait_until(lambda: DOWN in findings_shown(running))
    assert submit(running, "/agents/start/", programs="data-agent").text == "/"
    told = last_act(running, "agents_started")
    assert told["event_data"]["programs"] == ["data-agent"]
    assert running.pid("data-agent")
    assert last_act(running, "agents_start_requested")["actor"] == told["actor"] != ""
    wait_until(lambda: DOWN not in findings_shown(running))


def test_an_agent_is_restarted_from_the_page(running: Stack) -> None:
    before = running.pid("fastmon-agent")
    path = "/executions/"
    told = submit(running, "/agents/restart/", programs="fastmon-agent", page=path)
    assert told.text == path
    wait_until(lambda: running.pid("fastmon-agent") not in (0, before))
    wait_until(
        lambda: last_act(running, "agents_started")["event_data"]["programs"] == ["fastmon-agent"]
    )
    assert last_act(running, "agents_stopped")["event_data"]["programs"] == ["fastmon-agent"]


def test_what_is_wrong_with_a_start_is_told(running: Stack) -> None:
    told = submit(running, "/agents/start/", programs="nobody-agent")
    assert told.status == 404
    assert "there is no agent 'nobody-agent'" in told.text
    elsewhere = submit(running, "/agents/restart/", programs="data-agent", page="//evil.example/")
    assert elsewhere.text == "/", "it leads to no other site"
    wait_until(
        lambda: last_act(running, "agents_started")["event_data"]["programs"] == ["data-agent"]
    )
