"""An installation under observation: runs on it, faults in it, and how it heals."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from orchestrator.runs import send_command
from swf_common_lib.errors import TestbedError
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.states import TERMINAL
from tests.stack import Stack
from tests.system.faults.ledger import Body, Chosen, Ledger, Stretch, everything
from tests.system.faults.run import Run
from tests.system.faults.table import Outcome
from tests.waiting import PATIENCE, wait_until

EMBEDDED = "embedded"
SERVICES = "ActiveMQ + PostgreSQL"
AGENTS = {
    "data-agent": "data",
    "processing-agent": "processing",
    "fastmon-agent": "fastmon",
    "fast-processing-agent": "fast_processing",
    "fast-processing-worker": "worker",
    "workflow-runner": "workflow_runner",
}
"""Programs and the types of the agents that they are."""
CONFIG = "both_processings"
BOTH_PROCESSINGS = """\
[workflow]
name = "stf_datataking"
includes = ["fast_processing_default.toml", "stf_processing_default.toml"]

[daq_state_machine]
no_beam_not_ready_delay = 1
beam_not_ready_delay = 2
beam_not_ready_end_delay = 2

[fast_processing]
slice_processing_time = 3
worker_rampup_time = 3
worker_rampdown_time = 1

[stf_processing]
stf_processing_time = 2
"""
"""The configuration of all runs here: every agent has something to do, delays are short."""
SPEED = 10
"""Simulated seconds a second: about five STF files a second."""
ENDLESS = 100_000
"""STF files of a run that lasts until it is stopped."""
OUTAGE = 10.0
"""Seconds that a service is away, where it is stopped."""


PAST = (
    "runner_lost",
    "execution_failed",
    "workflow_raised",
    "never_claimed",
    "work_abandoned",
    "slices_failed",
    "messages_not_understood",
    "messages_refused",
    "dead_letters",
    "disk_near_full",
)
"""What is told for an hour, or until somebody acts, though the testbed itself is well again; and
that the disk is small, which it is on purpose."""


class WatchedStack(Stack):
    """A running installation with a ledger beside it."""

    kind: str
    ledger: Ledger
    monitor: MonitorClient
    report: Callable[[Outcome], None]
    """Takes the rows of the table."""
    expected: Sequence[str]
    """Programs that are to run."""
    disk_can_be_filled = False
    """Whether all that it writes is on a small disk of its own."""

    def watch(self, kind: str) -> None:
        """Open the ledger of a running stack."""
        self.kind = kind
        self.expected = tuple(self.pids())
        self.monitor = self.client(patience=PATIENCE)
        self._asking = self.client(patience=0)
        self.ledger = Ledger(self.settings)
        self.ledger.open()

    def close(self) -> None:
        self.ledger.close()
        self.monitor.session.close()
        self._asking.session.close()

    def up(self, **environment: str) -> None:
        """Start the services and agents that do not run."""
        self.run(["start-local"], **environment)
        self.run(["start-agents"], **environment)

    def mend(self) -> None:
        """Clean up after a failed test, so that it does not disturb the others."""
        if self.ailments(float("inf")):
            self.up()
        for execution in self.monitor.get("status/")["executions"]:
            if execution["status"] not in TERMINAL:
                send_command(self.monitor, execution["execution_id"], "stop", "its test has failed")

    # Runs

    def begin(self, *, stf_count: int = ENDLESS, speed: float = SPEED, **parameters: Any) -> Run:
        """Start a run."""
        since = self.ledger.mark()
        body = {
            "workflow": "stf_datataking",
            "config": CONFIG,
            "speed": speed,
            "parameters": {"stf_count": stf_count, **parameters},
        }
        record = self.monitor.post("workflow-executions/start/", body)
        return Run(self, record["execution_id"], since)

    def check_next_run(self) -> None:
        """Check that a fault has no effect any more: nothing in hand, and a new run is complete."""
        self.check_ready()
        run = self.begin(stf_count=2, speed=0)
        assert run.end() == "completed"
        assert run.progress.stf_files == 2
        run.check_complete()

    # Faults

    def pids(self) -> dict[str, int]:
        """Return the process ids of all programs that are up."""
        processes = self.services.processes() | self.agents.processes()
        return {name: process.pid for name, process in processes.items() if process.active}

    def killing(self, program: str) -> Callable[[], Collection[int]]:
        """Return the fault that kills a program with SIGKILL."""
        return lambda: [self.kill(program)]

    def stopping(self, service: str) -> Callable[[], Collection[int]]:
        """Return the fault that stops a service for a while."""

        def cause() -> Collection[int]:
            self.services.stop(service)
            time.sleep(OUTAGE)  # not a wait for anything: the outage itself
            self.services.start(service)
            return ()

        return cause

    def heal(self, killed: Collection[int] = (), *, heard_again: bool = True) -> float:
        """Wait until all is up and ready by itself; return the seconds that it took."""
        since = time.monotonic()
        found = ["nothing was asked"]

        def healthy() -> bool:
            age = time.monotonic() - since if heard_again else float("inf")
            found[:] = self.ailments(age, killed)
            return not found

        try:
            wait_until(healthy, 3 * PATIENCE)
        except AssertionError:
            raise AssertionError(f"not healed: {found}") from None
        return time.monotonic() - since

    def ailments(self, age: float, killed: Collection[int] = ()) -> list[str]:
        """Return what is wrong; an agent's heartbeat counts up to an age in seconds."""
        processes = self.services.processes() | self.agents.processes()
        found = [
            f"{name} is {processes[name].state}"
            for name in self.expected
            if not processes[name].running or processes[name].pid in killed
        ]
        if found:
            return found
        try:
            status = self._asking.get("status/")
        except TestbedError as error:
            return [error.detail]
        records = {agent["pid"]: agent for agent in status["agents"]}
        for program in AGENTS:
            agent = records.get(processes[program].pid)
            if agent is None or not -1 < (agent["heartbeat_age_seconds"] or 0) < age:
                found.append(f"{program} has not been heard of since")
            elif (
                agent["liveness"] != "alive"
                or agent["status"] != "OK"
                or agent["mq_connected"] is not True
            ):
                found.append(f"{program}: {agent['description']}")
            elif agent["operational_state"] not in ("READY", "PROCESSING"):
                found.append(f"{program} is {agent['operational_state']}")
        return found + [
            finding["code"]
            for finding in status["findings"]
            if finding["severity"] != "note" and finding["code"] not in PAST
        ]

    def check_ready(self) -> None:
        """Check that no work is left: no execution unfinished, every agent ready."""

        def at_rest() -> bool:
            status = self.monitor.get("status/")
            unfinished = [one for one in status["executions"] if one["status"] not in TERMINAL]
            alive = [one for one in status["agents"] if one["liveness"] == "alive"]
            return not unfinished and all(one["operational_state"] == "READY" for one in alive)

        wait_until(at_rest, PATIENCE, "executions or agents are still at work")

    def tell(
        self, fault: str, stretch: Stretch, ended: str, healed: float, chosen: Chosen = everything
    ) -> None:
        """Add a row to the table, then check its values."""
        account = stretch.account(chosen)
        told = (account.sent, account.recorded, len(account.twice))
        self.report(Outcome(fault, self.kind, *told, ended, healed))
        assert account.sent, f"{fault}: nothing was sent, so nothing is shown"
        assert not account.lost, f"{fault}: lost {account.lost[:5]}"
        assert not account.twice, f"{fault}: twice {account.twice[:5]}"
        assert stretch.in_order, f"{fault}: the order is another"


def sent_by(agent_type: str) -> Chosen:
    """Return a predicate for the messages of one type of agent."""

    def chosen(body: Body) -> bool:
        return str(body.get("sender", "")).startswith(f"{agent_type}-agent-")

    return chosen
