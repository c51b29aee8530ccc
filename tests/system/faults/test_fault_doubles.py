"""Started twice by mistake: runner, ingest, each agent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.system.faults.watched import WatchedStack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

RUNNER = ("workflow-runner", ["workflows/workflow_runner.py"])
INGEST = ("ingest", ["-m", "monitor", "ingest"])
ONE_A_ROLE = (
    ("data-agent", ["agents/data_agent.py"]),
    ("processing-agent", ["agents/processing_agent.py"]),
    ("fastmon-agent", ["agents/fastmon_agent.py"]),
    ("fast-processing-agent", ["agents/fast_processing_agent.py"]),
)
"""A second of these stands by."""
WORKER = ("fast-processing-worker", ["agents/worker.py"])
STANDING_BY = "already connected"

Program = tuple[str, list[str]]


@contextmanager
def second(watched: WatchedStack, programs: Sequence[Program]) -> Iterator[None]:
    """Run a second process of each, started from a shell, ready or standing by."""
    logs = {name: watched.home / f"second-{name}.log" for name, _ in programs}
    started = []
    try:
        for name, words in programs:
            with logs[name].open("w") as log:
                started.append(
                    subprocess.Popen(
                        [sys.executable, *words],
                        cwd=watched.home,
                        env=watched.environment,
                        stdout=log,
                        stderr=log,
                    )
                )
        for process, (name, _) in zip(started, programs, strict=True):
            wait_until(
                lambda pid=process.pid, log=logs[name]: (
                    STANDING_BY in log.read_text() or pid in known(watched, ready=True)
                ),
                PATIENCE,
                f"a second {name} neither works nor stands by: {logs[name].read_text()}",
            )
        yield
        assert [process.poll() for process in started] == [None] * len(started)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            assert process.wait(PATIENCE) == 0


def known(watched: WatchedStack, *, ready: bool = False) -> set[int]:
    """Return the process ids of the agents that are alive; ``ready``: that receive messages."""
    told = watched.monitor.get("status/")["agents"]
    return {
        one["pid"]
        for one in told
        if one["liveness"] == "alive" and (one["mq_connected"] or not ready)
    }


def test_two_of_each(watched: WatchedStack) -> None:
    """What stands by takes over when the first is killed, and gives back when it is ended."""
    run = watched.begin()

    def two_agents() -> Collection[int]:
        programs = [name for name, _ in (*ONE_A_ROLE, WORKER)]
        with second(watched, [*ONE_A_ROLE, WORKER]):
            run.go_on()
            killed = [watched.kill(program) for program in programs]
            wait_until(lambda: is_back(programs, killed), PATIENCE, "they do not come back")
            run.go_on()
        return killed

    def is_back(programs: list[str], killed: list[int]) -> bool:
        pids = {watched.pid(program) for program in programs}
        return not pids & set(killed) and pids <= known(watched)

    def two_ingests() -> Collection[int]:
        with second(watched, [INGEST]):
            run.go_on()
            killed = [watched.kill(INGEST[0])]
            run.go_on()
        return killed

    def two_runners() -> Collection[int]:
        with second(watched, [RUNNER]):
            others = [watched.begin(stf_count=1, speed=0) for _ in range(6)]
            assert [other.end() for other in others] == ["completed"] * len(others)
        for other in others:
            other.check_complete()
        return ()

    run.suffer("two of each agent", two_agents)
    run.suffer("two ingests", two_ingests)
    run.suffer("two runners", two_runners)
    run.finish()
    watched.check_next_run()
