"""What somebody new does: `make run`, look around, `make run` again, `make stop`."""

from __future__ import annotations

import json
import re
import stat

import pytest

from orchestrator.supervisord.orphans import process_exists, programs_of
from tests.stack import Stack

pytestmark = pytest.mark.system


@pytest.fixture
def fresh(home, choosing_ports):
    stack = Stack.create(home, chosen_ports=False)
    yield stack
    stack.run(["stop-local"], check=False)


def shown(output: str) -> dict[str, str]:
    """Return the lines of the summary by their titles."""
    pairs = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in output.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def test_a_newcomers_session(fresh):
    first = fresh.run(["demo", "--speed", "300"])

    summary = shown(first.stdout)
    assert summary["status"] == "completed, run completed"
    assert re.fullmatch(r"stf_datataking-\w+-\d{4}", summary["execution"])
    assert summary["STF files"].startswith("10 of 10 taken, 10 registered")
    assert summary["TF samples"] == "10"
    assert summary["slices"] == "150 made, 150 done, 0 failed"
    assert "205 would keep up" in summary["workers"]
    assert "http://127.0.0.1:" in first.stdout

    second = shown(fresh.run(["demo", "--speed", "300"]).stdout)

    assert second["status"] == "completed, run completed"
    assert second["slices"] == summary["slices"]
    assert second["execution"] != summary["execution"]
    look_around(fresh, [second["execution"], summary["execution"]])
    stop_leaves_nothing(fresh)


def look_around(stack: Stack, executions: list[str]) -> None:
    status = json.loads(stack.run(["status", "--json"]).stdout)
    assert {"services", "agents", "executions"} <= set(status)
    assert {"broker", "web", "ingest", "mcp"} <= set(status["services"])
    assert [record["execution_id"] for record in status["executions"]] == executions
    for record in status["executions"]:
        assert record["status"] == "completed"
        assert record["workflow_name"] == "stf_datataking"
        assert record["namespace"]
        assert record["start_time"] < record["end_time"]
    types = {agent.get("agent_type") for agent in status["agents"] if agent.get("process")}
    assert {"data", "processing", "fastmon", "fast_processing", "worker"} <= types
    token = stack.run(["token"]).stdout.strip()
    assert token == stack.settings.swf_api_token
    assert stat.S_IMODE(stack.settings.token_file.stat().st_mode) == 0o600
    assert stack.run(["status"]).stdout.count(executions[0]) == 1


def stop_leaves_nothing(stack: Stack) -> None:
    supervisors = (stack.agents, stack.services)
    pids = [p.pid for s in supervisors for p in s.processes().values() if p.pid]
    pids += [s.pid() for s in supervisors]
    assert len(pids) >= 12
    stack.stop()
    assert not [pid for pid in pids if process_exists(pid)]
    assert not [pid for s in supervisors for pid in programs_of(s.socket)]
    assert not list(stack.settings.swf_runtime_dir.glob("*.sock"))
    assert not list(stack.settings.swf_runtime_dir.glob("*.pid"))
    assert "All stopped" in stack.run(["stop-local"]).stdout
    told = json.loads(stack.run(["status", "--json"], check=False).stdout)
    assert {service["process"] for service in told["services"].values()} == {"STOPPED"}
