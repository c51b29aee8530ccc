"""A stop and a pause in every phase of a run, from its record to its last slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.runs import send_command
from swf_common_lib.errors import Conflict
from tests.system.faults.run import Run
from tests.system.faults.watched import EMBEDDED, WatchedStack
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.system, pytest.mark.enough_on(EMBEDDED)]

LONG = 1_000_000
"""Simulated seconds: a run that spends them in a phase stays there until it is stopped."""
SPEED = 100
PHASES: dict[str, Mapping[str, Any]] = {
    "no beam": {"no_beam_not_ready_delay": LONG},
    "imminent": {"beam_not_ready_delay": LONG},
    "physics": {"stf_interval": LONG},
    "standby": {"physics_period_count": 2, "standby_duration": LONG},
    "end": {"beam_not_ready_end_delay": LONG},
}
"""What makes a run stay in each phase."""
STF_FILES = {"no beam": 0, "imminent": 0, "physics": 1, "standby": 2, "end": 2}


def is_in(run: Run, phase: str) -> bool:
    """Return whether a run has reached a phase."""
    progress = run.progress
    if progress.status != "running":
        return False
    if phase == "no beam":
        return progress.phase == ""
    if phase == "end":
        return progress.phase in ("processing", "completed")
    return progress.phase == phase and progress.stf_files == STF_FILES[phase]


def ask(run: Run, what: str, status: str) -> None:
    """Ask for a change, twice, and wait until it is made."""
    for _ in range(2 if what != "stop" else 1):
        send_command(run.watched.monitor, run.execution_id, what, f"{what} in any phase")
    wait_until(
        lambda: run.progress.status == status, PATIENCE, f"{run.execution_id} is not {status}"
    )


def check_ended(run: Run, phase: str) -> None:
    """Check that a stopped run has ended with everything that belongs to it, once."""
    if phase == "no beam":
        assert run.progress.phase == ""
        assert not run.kinds()
        return
    assert run.end() == "terminated"
    assert run.progress.stf_files == STF_FILES[phase]
    run.check_complete(begun=phase != "imminent")


def test_stop_and_pause_in_every_phase(watched: WatchedStack) -> None:
    since = watched.ledger.mark()
    stopped, paused = (
        {
            phase: watched.begin(stf_count=2, speed=SPEED, **parameters)
            for phase, parameters in PHASES.items()
        }
        for _ in range(2)
    )
    for runs in (stopped, paused):
        for phase, run in runs.items():
            wait_until(lambda run=run, phase=phase: is_in(run, phase), PATIENCE, f"not in {phase}")

    for run in paused.values():
        ask(run, "pause", "paused")
        ask(run, "resume", "running")
        ask(run, "pause", "paused")
    for run in (*stopped.values(), *paused.values()):
        ask(run, "stop", "terminated")

    for runs in (stopped, paused):
        for phase, run in runs.items():
            check_ended(run, phase)
    stretch = watched.ledger.settle(since)
    healed = watched.heal(heard_again=False)
    for what, runs in (("stop", stopped), ("pause and stop", paused)):
        ids = {run.execution_id for run in runs.values()}
        watched.tell(
            f"{what} in every phase",
            stretch,
            "terminated",
            healed,
            lambda body, ids=ids: body.get("execution_id") in ids,
        )
    watched.check_next_run()


def test_before_a_runner_has_it_and_after_its_data_taking(watched: WatchedStack) -> None:
    watched.run(["stop-agents", "runner"])
    since = watched.ledger.mark()
    stopped = watched.begin(stf_count=1)
    waiting = watched.begin(stf_count=1, slice_processing_time=60)
    send_command(watched.monitor, stopped.execution_id, "stop", "not now")
    assert stopped.progress.status == "terminated"
    with pytest.raises(Conflict, match="pending"):
        send_command(watched.monitor, waiting.execution_id, "pause", "not now")
    watched.run(["start-agents", "runner"])

    wait_until(lambda: waiting.progress.status == "completed", PATIENCE)
    for what in ("stop", "pause"):  # its slices are processed still
        with pytest.raises(Conflict, match="completed already"):
            send_command(watched.monitor, waiting.execution_id, what, "too late")

    assert waiting.end() == "completed"
    waiting.check_complete()
    assert not stopped.kinds()
    healed = watched.heal(heard_again=False)
    stretch = watched.ledger.settle(since)
    watched.tell("stop and pause before and after", stretch, "as before", healed)
    watched.check_next_run()
