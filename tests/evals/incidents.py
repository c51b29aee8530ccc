"""Incidents made for real, for an assistant that has nothing but the tools to find them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from swf_common_lib.errors import Conflict
from tests.evals.scenes import AGENT_PATIENCE, Scene
from tests.stack import Stack
from tests.waiting import wait_until

_HANGING_WORKFLOW = '''"""Never comes back."""
import time


class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.pause = config["hanging"]["pause"]

    def execute(self, env):
        yield env.timeout(1.0)
        while True:
            time.sleep(self.pause)
'''
_HANGING = '[workflow]\nname = "hanging"\nversion = "1.0"\n[hanging]\npause = 0.05\n'
_ELSEWHERE = "elsewhere"


def await_found(scene: Scene, code: str, subject: str) -> None:
    """Wait until the testbed has a finding with this code on this subject."""

    def found() -> bool:
        told = scene.client.get("health/")["findings"]
        return any(one["code"] == code and one["subject"]["id"] == subject for one in told)

    wait_until(found, timeout=AGENT_PATIENCE, message=f"no {code} of {subject}")


@contextmanager
def slices_fail(stack: Stack) -> Iterator[dict[str, Any]]:
    """Half of the slices fail; one start was refused, and a configuration is broken."""
    scene = Scene(stack)
    folder = stack.own_workflows()
    (folder / "broken_beam.toml").write_text('[workflow\nname = "stf_datataking"\n')
    failing, run = scene.run(stf_count=2, slice_failure_rate=0.5, retry_max_attempts=1)
    yield {"failing": failing, "failing_run": run}
    (folder / "broken_beam.toml").unlink()


@contextmanager
def nobody_serves_it(stack: Stack) -> Iterator[dict[str, Any]]:
    """A run in a namespace that no agent serves."""
    scene = Scene(stack)
    execution_id = scene.started(namespace=_ELSEWHERE, parameters={"stf_count": 2})
    scene.await_status(execution_id, "completed")
    await_found(scene, "work_abandoned", execution_id)
    yield {"unserved": execution_id, "elsewhere": _ELSEWHERE}


@contextmanager
def endless(stack: Stack) -> Iterator[dict[str, Any]]:
    """An execution without an end goes as fast as it can."""
    scene = Scene(stack)
    execution_id = scene.started(
        config="stf_processing_default", parameters={"physics_period_count": 0, "stf_count": 1}
    )
    scene.await_status(execution_id, "running")
    yield {"endless": execution_id}
    with suppress(Conflict):  # who was to stop it has done so
        scene.stop(execution_id, "end of the scene")
    scene.await_status(execution_id, "terminated")


@contextmanager
def worker_killed(stack: Stack) -> Iterator[dict[str, Any]]:
    """The workers' process was killed with slices in hand; another one has taken its place."""
    scene = Scene(stack)
    execution_id = scene.started(
        config="fast_processing_default", realtime=True, speed=None, parameters={"stf_count": 3}
    )
    name = scene.agent("worker")

    def busy() -> bool:
        (row,) = scene.client.get("systemagents/", instance_name=name)
        return bool(row["metadata"].get("slices_in_hand"))

    wait_until(busy, timeout=AGENT_PATIENCE, message="the workers take no slice")
    stack.kill("fast-processing-worker")
    await_found(scene, "agent_lost", name)
    yield {"lost_worker": name, "interrupted": execution_id}
    with suppress(Conflict):  # it may have come to its end
        scene.stop(execution_id, "end of the scene")


@contextmanager
def workflow_hangs(stack: Stack) -> Iterator[dict[str, Any]]:
    """A workflow's code never returns, and somebody has asked for a stop."""
    scene = Scene(stack)
    folder = stack.own_workflows()
    (folder / "hanging.py").write_text(_HANGING_WORKFLOW)
    (folder / "hanging_default.toml").write_text(_HANGING)
    execution_id = scene.started("hanging")
    scene.await_status(execution_id, "running")
    scene.client.post(f"workflow-executions/{execution_id}/stop/", {"reason": "enough"})
    await_found(scene, "stop_not_honoured", execution_id)
    yield {"hung": execution_id}


@contextmanager
def agent_frozen(stack: Stack) -> Iterator[dict[str, Any]]:
    """The data agent was stopped by a signal a moment ago, and still counts as alive."""
    scene = Scene(stack)
    name, pid = scene.agent("data"), stack.pid("data-agent")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield {"frozen": name}
    finally:
        with suppress(ProcessLookupError):  # who was to mend it has replaced it
            os.kill(pid, signal.SIGCONT)
    scene.agent("data")
