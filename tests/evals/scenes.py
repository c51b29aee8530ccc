"""Situations that an assistant may meet, brought about for real, and what was brought about."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio

from swf_common_lib.monitor_client import MonitorClient
from tests.integration.mcp.mcp_process import Installation, McpProcess
from tests.postgres_process import running_postgres
from tests.stack import Stack
from tests.waiting import wait_until

_WORKFLOW = '''"""Breaks off after a while."""


class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.limit = config["cooling"]["limit"]

    def execute(self, env):
        yield env.timeout(3.0)
        raise RuntimeError(f"the cooling is {self.limit} K too warm")
'''
_CONFIGURATION = '[workflow]\nname = "cooling"\nversion = "1.0"\n[cooling]\nlimit = 4\n'
_CHOOSY_WORKFLOW = '''"""Examines its configuration before it begins."""
from swf_common_lib.errors import ConfigurationError


class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.voltage = config["magnet"]["voltage"]
        self.ramp = config["magnet"]["ramp"]
        if self.voltage > 60:
            raise ConfigurationError([f"magnet.voltage = {self.voltage}: at most 60 V"])

    def execute(self, env):
        yield env.timeout(self.ramp)
'''
_CHOOSY_CONFIGURATION = (
    '[workflow]\nname = "magnet"\nversion = "1.0"\n[magnet]\nvoltage = 48\nramp = 2\n'
)
_LACKING_CONFIGURATION = '[workflow]\nname = "magnet"\nversion = "1.0"\n[magnet]\nvoltage = 48\n'

AGENT_PATIENCE = 90.0
_SLICES = 30
"""Of two STFs."""


class Scene:
    """Makes things happen in an installation, through its REST interface and its processes."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client: MonitorClient = stack.client()

    def started(self, workflow: str = "stf_datataking", **body: Any) -> str:
        """Start a workflow and give the execution's id."""
        record = self.client.post(
            "workflow-executions/start/",
            {"workflow": workflow, "executed_by": "maria", "speed": 0, **body},
        )
        return str(record["execution_id"])

    def status(self, execution_id: str) -> str:
        """Return the status of an execution."""
        return str(self.stack.execution(execution_id)["status"])

    def await_status(self, execution_id: str, status: str) -> dict[str, Any]:
        """Wait until an execution has this status; give its record."""
        wait_until(
            lambda: self.status(execution_id) == status,
            timeout=AGENT_PATIENCE,
            message=f"{execution_id} does not become {status}",
        )
        return self.stack.execution(execution_id)

    def stop(self, execution_id: str, reason: str) -> None:
        """Stop an execution."""
        self.client.post(f"workflow-executions/{execution_id}/stop/", {"reason": reason})
        self.await_status(execution_id, "terminated")

    def run(self, config: str = "fast_processing_default", **parameters: Any) -> tuple[str, int]:
        """Take a run to its end, with its processing; return its execution id and run number."""
        execution_id = self.started(config=config, parameters=parameters)
        self.await_status(execution_id, "completed")
        return execution_id, self.await_worked_off(execution_id)

    def await_worked_off(self, execution_id: str) -> int:
        """Wait until everything of an execution's run is processed; give the run's number."""

        def processed() -> int | None:
            # What ingest records may come a moment after what the runner reports.
            rows = self.client.get("run-states/", execution_id=execution_id, phase="completed")
            return int(rows[0]["run_number"]) if rows else None

        number = wait_until(
            processed, timeout=AGENT_PATIENCE, message=f"{execution_id} is not worked off"
        )
        assert number is not None
        return number

    def agent(self, agent_type: str) -> str:
        """Return the name of the newest agent of a type that is alive."""

        def found() -> str:
            rows = self.client.get("systemagents/", agent_type=agent_type, since="-12s")
            return str(rows[0]["instance_name"]) if rows else ""

        return wait_until(found, timeout=AGENT_PATIENCE, message=f"no {agent_type} agent is alive")


@contextmanager
def nothing_runs(stack: Stack) -> Iterator[dict[str, Any]]:
    """Services are up; neither runner nor agents are."""
    scene = Scene(stack)
    yield {"waiting": scene.started(parameters={"stf_count": 1})}


@contextmanager
def after_some_runs(stack: Stack) -> Iterator[dict[str, Any]]:
    """All is up; runs that ended well, one that failed, one that was stopped, one that goes on."""
    folder = stack.own_workflows()
    (folder / "cooling.py").write_text(_WORKFLOW)
    (folder / "cooling_default.toml").write_text(_CONFIGURATION)
    (folder / "magnet.py").write_text(_CHOOSY_WORKFLOW)
    (folder / "magnet_default.toml").write_text(_CHOOSY_CONFIGURATION)
    (folder / "magnet_slow.toml").write_text(_LACKING_CONFIGURATION)
    stack.run(["start-agents"])
    scene = Scene(stack)
    wide, wide_run = scene.run(stf_count=2, target_worker_count=225)
    fast, fast_run = scene.run(stf_count=5)
    few, _ = scene.run(stf_count=5, target_worker_count=2)
    plain, plain_run = scene.run("stf_processing_default", stf_count=3, physics_period_count=1)
    broken = scene.started("cooling")
    scene.await_status(broken, "failed")
    excessive = scene.started("magnet", parameters={"magnet.voltage": 400})
    scene.await_status(excessive, "failed")
    lacking = scene.started("magnet", config="magnet_slow")
    scene.await_status(lacking, "failed")
    stopped = scene.started(realtime=True, speed=None)
    scene.await_status(stopped, "running")
    scene.stop(stopped, "beam lost")
    going = scene.started(realtime=True, speed=None, parameters={"physics_period_count": 0})
    scene.await_status(going, "running")
    yield {
        "wide": wide,
        "wide_run": wide_run,
        "fast": fast,
        "fast_run": fast_run,
        "few": few,
        "plain": plain,
        "plain_run": plain_run,
        "broken": broken,
        "excessive": excessive,
        "lacking": lacking,
        "stopped": stopped,
        "going": going,
        "data_agent": scene.agent("data"),
        "namespace": stack.execution(fast)["namespace"],
    }
    if scene.status(going) != "terminated":
        scene.stop(going, "end of the scene")


@contextmanager
def runner_killed(stack: Stack) -> Iterator[dict[str, Any]]:
    """The runner was killed in the middle of a run; another one has taken its place."""
    scene = Scene(stack)
    execution_id = scene.started(realtime=True, speed=None)
    scene.await_status(execution_id, "running")
    runner = scene.stack.execution(execution_id)["runner"]
    stack.kill("workflow-runner")
    scene.await_status(execution_id, "failed")
    yield {"killed": execution_id, "runner": runner}


@contextmanager
def samples_go_nowhere(stack: Stack) -> Iterator[dict[str, Any]]:
    """Fast monitoring is not up: no STF becomes a sample."""
    scene = Scene(stack)
    stack.agents.stop("fastmon-agent")
    execution_id = scene.started(parameters={"stf_count": 2})
    scene.await_status(execution_id, "completed")

    def all_ready() -> bool:
        rows = scene.client.get("run-states/", execution_id=execution_id)
        return bool(rows) and rows[0]["stf_files_registered"] == 2

    wait_until(all_ready, timeout=AGENT_PATIENCE, message="the data agent registers no STFs")
    yield {"halted": execution_id}
    stack.run(["start-agents"])


@contextmanager
def slices_wait(stack: Stack) -> Iterator[dict[str, Any]]:
    """The workers are not up: slices are made, and nobody takes them."""
    scene = Scene(stack)
    stack.agents.stop("fast-processing-worker")
    execution_id = scene.started(config="fast_processing_default", parameters={"stf_count": 2})
    scene.await_status(execution_id, "completed")

    def all_made() -> bool:
        rows = scene.client.get("run-states/", execution_id=execution_id)
        return bool(rows) and rows[0]["slices_queued"] == _SLICES

    wait_until(all_made, timeout=AGENT_PATIENCE, message=f"not {_SLICES} slices wait")
    yield {"unworked": execution_id, "slices": _SLICES}
    stack.run(["start-agents"])
    scene.await_worked_off(execution_id)


@contextmanager
def agent_hangs(stack: Stack) -> Iterator[dict[str, Any]]:
    """The data agent's process stands still; it was seen alive half a minute ago."""
    scene = Scene(stack)
    name, pid = scene.agent("data"), stack.pid("data-agent")
    os.kill(pid, signal.SIGSTOP)
    try:
        execution_id = scene.started(parameters={"stf_count": 2})
        scene.await_status(execution_id, "completed")
        wait_until(lambda: _silent(scene, name), timeout=AGENT_PATIENCE)
        yield {"unheard": execution_id, "hanging": name}
    finally:
        os.kill(pid, signal.SIGCONT)
    scene.agent("data")


def _silent(scene: Scene, name: str) -> bool:
    return not scene.client.get("systemagents/", instance_name=name, since="-31s")


@contextmanager
def broker_down(stack: Stack) -> Iterator[dict[str, Any]]:
    """The broker has ended while a run goes on."""
    scene = Scene(stack)
    execution_id = scene.started(speed=10, parameters={"stf_count": 20})
    scene.await_status(execution_id, "running")
    stack.services.stop("broker")
    yield {"cut_off": execution_id}
    stack.services.start("broker")
    scene.await_status(execution_id, "completed")


@contextmanager
def database_down(stack: Stack) -> Iterator[dict[str, Any]]:
    """An MCP server on a PostgreSQL that was killed."""
    with running_postgres() as database:
        installation = Installation(stack.home / "other", database.environ)
        installation.home.mkdir()
        installation.initialise()
        server = McpProcess.start(installation)
        try:
            # The server knows its clients by the database: one that it knows goes on asking.
            anyio.run(_ask_once, server)
            database.kill()
            yield {"server": (server.url, installation.token), "any": "stf_datataking-maria-0001"}
        finally:
            server.stop()


async def _ask_once(server: McpProcess) -> None:
    async with server.client() as client:
        await client.call_tool("get_system_status", {})
