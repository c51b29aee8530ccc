"""A database that lets nobody write for longer than a runner's lease lasts."""

from __future__ import annotations

import time
from collections.abc import Collection

import pytest

from monitor.executions.control import LEASE
from tests.monitor_database import MonitorDatabase
from tests.system.faults.watched import WatchedStack

pytestmark = pytest.mark.system

TABLES = ("records_systemagent", "records_workflowexecution")
"""Heartbeats and executions, besides messages; SQLite has one lock for all."""
HELD = LEASE.total_seconds() + 2


def test_a_slow_database(watched: WatchedStack) -> None:
    """Another program's transaction locks what all write to: no program gives up."""

    def cause() -> Collection[int]:
        with MonitorDatabase(watched.settings).held(*TABLES):
            time.sleep(HELD)  # not a wait for anything: the fault itself
        return ()

    run = watched.begin()
    run.suffer(f"database locked for {HELD:.0f} s", cause, heard_again=False)
    run.finish()
    watched.check_next_run()
