"""An installation of its own: faulty configurations, and what is missing comes back.

The tests follow one another: each leaves the installation complete.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.monitor_database import MonitorDatabase
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.ways import (
    PROGRAMS,
    SERVERS,
    Start,
    Way,
    by_command_line,
    by_mcp,
    by_message,
    by_rest,
    by_run_once,
    command,
    testbed,
    tool,
)
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

PENDING_TIMEOUT = 1000
"""Seconds; far more than any test takes."""
LONG_AGO = "2020-01-01 00:00:00"
SHORT = Start(config="fast_processing_default", parameters={"stf_count": 1})
PROGRAM_NAMES = (
    "workflow-runner",
    "data-agent",
    "processing-agent",
    "fastmon-agent",
    "fast-processing-agent",
    "fast-processing-worker",
)
FILES = {
    "ring_a": '[workflow]\nname = "stf_datataking"\nincludes = ["ring_b.toml"]\n',
    "ring_b": "[workflow]\nincludes = ['fast_processing_default.toml', 'ring_c.toml']\n",
    "ring_c": '[workflow]\nincludes = ["ring_a"]\n',
    "broken": '[workflow]\nname = "stf_datataking"\n[daq_state_machine]\nstf_interval = = 2\n',
    "all_of_it": '[workflow]\nname = "x"\nincludes = ["ring_a", "broken", "latin"]\n',
    "latin": '[workflow]\nname = "stf_datataking"\n# \xe9\n',
}
SAID = (
    "ring_a.toml includes ring_b.toml includes ring_c.toml includes ring_a.toml",
    "broken.toml, line 4, column 16: not valid TOML",
    "latin.toml, line 3: not UTF-8 text",
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation with all agents and some faulty configurations."""
    settings = {"SWF_PENDING_TIMEOUT": PENDING_TIMEOUT}
    stack = Stack.create(tmp_path_factory.mktemp("a"), settings=settings)
    folder = stack.own_workflows()
    for name, text in FILES.items():
        (folder / f"{name}.toml").write_bytes(text.encode("latin-1"))
    try:
        stack.start(agents=True)
        yield stack
    finally:
        ended(stack)


@contextmanager
def without(stack: Stack, service: str) -> Iterator[None]:
    """Stop a service, and start it again at the end of the context."""
    stack.services.stop(service)
    try:
        yield
    finally:
        stack.run("start-local")


def pids(stack: Stack) -> dict[str, int]:
    return {name: stack.pid(name) for name in PROGRAM_NAMES}


def newest(stack: Stack, count: int = 1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.client().get("workflow-executions/", limit=count)
    return found


def status(stack: Stack, execution_id: str) -> str:
    return str(stack.execution(execution_id)["status"])


def wait_for(stack: Stack, execution_id: str, wanted: str) -> None:
    message = f"{execution_id} is not {wanted}"
    wait_until(lambda: status(stack, execution_id) == wanted, message=message)


@pytest.mark.parametrize("way", [*PROGRAMS, *SERVERS], ids=lambda way: way.__name__)
def test_all_that_cannot_be_read_is_told_at_once(alone: Stack, way: Way) -> None:
    before = newest(alone)

    told = way(alone, Start(config="all_of_it"))

    assert told.refused
    assert not [said for said in SAID if said not in told.text]
    assert newest(alone) == before


def test_validate_names_all_of_it(alone: Stack) -> None:
    for words in (["validate"], ["validate", "all_of_it"]):
        done = alone.run(words, check=False)
        assert done.returncode == 1
        assert not [said for said in SAID if said not in done.stderr]


@pytest.mark.parametrize("way", [by_command_line, by_message], ids=lambda way: way.__name__)
def test_a_file_of_ones_own_is_named_as_well(alone: Stack, way: Way) -> None:
    told = way(alone, Start(config="workflows/broken.toml"))

    assert told.refused
    assert "broken.toml, line 4, column 16: not valid TOML" in told.text


def test_without_a_runner_it_waits_says_so_and_runs_when_one_comes(alone: Stack) -> None:
    alone.run(["stop-agents", "runner"])
    started = by_rest(alone, SHORT)
    execution_id = newest(alone)[0]["execution_id"]
    url = f"{alone.settings.swf_monitor_url}/api/workflow-executions/{execution_id}/"
    token = {"Authorization": f"Token {alone.settings.swf_api_token}"}
    waits = requests.get(url, headers=token, timeout=PATIENCE).json()["waiting_for"]
    expiry = alone.execution(execution_id)["expires_at"][:19]
    waited = tool(alone, "wait_for_workflow", execution_id=execution_id, timeout_s=0).text
    for text, remedy in (
        (started.text, "start one: `testbed start-agents`"),
        (waits, "start one: `testbed start-agents`"),
        (waited, 'Next: start_agents(agents=["workflow-runner"])'),  # an assistant's own words
    ):
        assert "no workflow runner is alive" in text
        assert remedy in text
        assert f"it is terminated at {expiry}" in text

    alone.run(["start-agents", "runner"])

    wait_for(alone, execution_id, "completed")


def test_without_a_runner_it_expires_as_announced(alone: Stack) -> None:
    alone.run(["stop-agents", "runner"])
    by_mcp(alone, SHORT)
    execution_id = newest(alone)[0]["execution_id"]
    script = "workflows/send_workflow_command.py"

    sent = alone.execute(
        [sys.executable, script, "--timeout", "0.5", "run", "--workflow", "stf_datataking"]
    )
    assert "No runner took it within 0.5 s; it is pending, waiting for a runner" in sent.stderr
    unanswered = command(alone, script, "--timeout", "0.5", "status")
    assert unanswered.status == 1
    assert "nobody answered on /queue/workflow_control within 0.5 s" in unanswered.text

    for expiring in (execution_id, sent.stdout.strip()):
        record = alone.execution(expiring)
        created, expiry = (
            datetime.fromisoformat(record[name]) for name in ("created_at", "expires_at")
        )
        assert (expiry - created).total_seconds() == pytest.approx(PENDING_TIMEOUT, abs=1)
        MonitorDatabase(alone.settings).write(
            "UPDATE records_workflowexecution SET expires_at = %s WHERE execution_id = %s",
            [LONG_AGO, expiring],
        )
        wait_for(alone, expiring, "terminated")
        reason = alone.execution(expiring)["status_reason"]
        assert "no workflow runner took it" in reason
    alone.run(["start-agents", "runner"])
    assert status(alone, execution_id) == "terminated"


def test_without_the_broker(alone: Stack) -> None:
    before = pids(alone)
    with without(alone, "broker"):
        for way, words in (
            (by_rest, "is not reachable; it is announced as soon as the broker is there"),
            (by_mcp, "no message passes, so nothing starts, stops or goes on until it is back"),
        ):
            told = way(alone, SHORT)
            assert not told.refused
            assert "the message broker" in told.text
            assert words in told.text
        waiting = [record["execution_id"] for record in newest(alone, 2)]
        run = alone.run("run fast_processing --stf-count 1 --speed 0")
        assert "pending: waiting for the message broker" in run.stderr
        waiting.append(run.stdout.strip())

        script = "workflows/send_workflow_command.py"
        for told in (by_run_once(alone, SHORT), command(alone, script, "status")):
            assert told.status == 1
            assert "the message broker at 127.0.0.1:" in told.text
            assert "testbed start-local" in told.text
        assert "No broker" in alone.run("status").stdout
        alone.run("stop-agents data")
        started = testbed(alone, "start-agents", "data")
        assert started.status == 1
        assert "data-agent: started, but waiting for the broker" in started.text
        del before["data-agent"]  # it is another one now

    for execution_id in waiting:
        wait_for(alone, execution_id, "completed")
    after = pids(alone)
    assert {name: after[name] for name in before} == before
    alone.run("start-agents")  # raises for one that is not ready
    assert "15 made, 15 done, 0 failed" in _complete_run(alone)


def test_without_the_monitor(alone: Stack) -> None:
    before = pids(alone)
    running = alone.run("run fast_processing --speed 5 --set slice_processing_time=1").stdout
    wait_for(alone, running.strip(), "running")
    with without(alone, "web"):
        for words in (
            ["run"],
            ["run-workflow", "stf_datataking"],
            ["stop-workflow", "x"],
            ["start-agents"],
            ["login"],
        ):
            told = testbed(alone, *words)
            assert told.status == 1
            assert f"the monitor at {alone.settings.swf_monitor_url} is not reachable" in told.text
            assert "testbed start-local" in told.text
        seen = alone.run("status", check=False)
        assert seen.returncode == 1
        assert "is not reachable" in seen.stdout
        assert alone.run("status-local").stdout
        assert alone.run("logs data -n 1").stdout
        once = by_run_once(alone, SHORT)
        assert once.status == 1
        assert "the monitor at" in once.text

        script = "workflows/send_workflow_command.py"
        words = ["--timeout", "1", "run", "--workflow", "stf_datataking", "--stf-count", "1"]
        sent = command(alone, script, *words)
        assert sent.status == 1
        assert "no runner answered within 1 s, and the monitor at" in sent.text
        assert "a runner carries it out when the monitor is back" in sent.text
        assert command(alone, script, "--timeout", "30", "status").status == 0
        assert pids(alone) == before

    # What was running went on, and what was asked for is done.
    wait_for(alone, running.strip(), "completed")
    wait_until(lambda: newest(alone)[0]["started_through"] == "message")
    wait_for(alone, newest(alone)[0]["execution_id"], "completed")
    alone.run("start-agents")
    assert pids(alone) == before
    assert "15 made, 15 done, 0 failed" in _complete_run(alone)


def _complete_run(stack: Stack) -> str:
    return stack.run("run fast_processing --stf-count 1 --speed 0 --wait").stdout
