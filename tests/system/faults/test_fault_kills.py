"""SIGKILL of each of our programs in the middle of a run."""

from __future__ import annotations

import time

import pytest

from swf_common_lib.states import TERMINAL
from tests.system.faults.ledger import everything
from tests.system.faults.watched import AGENTS, WatchedStack, sent_by
from tests.waiting import wait_until

pytestmark = pytest.mark.system

PARTAKERS = (
    "data-agent",
    "processing-agent",
    "fastmon-agent",
    "fast-processing-agent",
    "fast-processing-worker",
)
SERVICES = ("ingest", "web", "mcp")


def test_each_program_that_takes_part_in_a_run(watched: WatchedStack) -> None:
    """One after the other in one run; of an agent, what it says itself is accounted for."""
    run = watched.begin()
    for program in (*PARTAKERS, *SERVICES):
        chosen = sent_by(AGENTS[program]) if program in PARTAKERS else everything
        kill = watched.killing(program)
        run.suffer(f"kill -9 {program}", kill, chosen=chosen, heard_again=False)
    run.finish()
    watched.check_next_run()


def test_the_runner(watched: WatchedStack) -> None:
    """Its execution is ended by the monitor, the run's end is announced, and a new runner works."""
    run = watched.begin()
    run.go_on()
    since = watched.ledger.mark()
    killed, at = watched.kill("workflow-runner"), time.monotonic()
    watched.heal([killed], heard_again=False)
    wait_until(lambda: run.progress.status in TERMINAL, message="the execution is left as it was")
    healed = time.monotonic() - at

    ended = run.end()
    assert ended == "failed"
    assert "stopped answering" in run.progress.record["error_message"]
    run.check_complete()
    stretch = watched.ledger.settle(since)
    watched.tell("kill -9 workflow-runner", stretch, ended, healed)
    watched.check_next_run()
