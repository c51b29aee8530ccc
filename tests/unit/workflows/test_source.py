"""Workflow code becomes an executor, in its present and its older form."""

from __future__ import annotations

from typing import Any

import pytest
import simpy

from swf_common_lib.errors import WorkflowFailed
from workflows.runner.source import WorkflowSource, flat_parameters, make_process
from workflows.testing import RecordingRunner

CONFIG: dict[str, Any] = {
    "workflow": {"name": "own"},
    "testbed": {"namespace": "trial"},
    "parameters": {"stf_interval_sec": 4.0, "shifts": 2},
}


def run(text: str, config: dict[str, Any] | None = None) -> tuple[RecordingRunner, Any]:
    env = simpy.Environment()
    runner = RecordingRunner(env)
    source = WorkflowSource("own", text)
    process = make_process(source, CONFIG if config is None else config, runner, "own-me-1", env)
    return runner, env.run(process)


def test_present_form() -> None:
    runner, _ = run(
        """
class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.runner, self.execution_id = runner, execution_id
        self.namespace = config["testbed"]["namespace"]

    def execute(self, env):
        yield env.timeout(3)
        self.runner.send_message("/topic/epictopic", {"msg_type": "hello"})
"""
    )
    (message,) = runner.messages
    assert (message["msg_type"], message["simulation_tick"]) == ("hello", 3)


def test_older_form_takes_parameters_and_need_not_import_simpy() -> None:
    _, value = run(
        """
class WorkflowExecutor:
    def __init__(self, parameters):
        self.parameters = parameters

    def execute(self, env):
        yield simpy.Timeout(env, self.parameters["stf_interval_sec"])
        return env.now, self.parameters["shifts"], self.parameters["stf_interval"]
"""
    )
    assert value == (4.0, 2, 4.0)


def test_flat_parameters_have_what_every_section_says() -> None:
    flat = flat_parameters({"daq_state_machine": {"broadcast_delay": 2}, "own": {"color": "red"}})
    assert (flat["broadcast_delay"], flat["color"], flat["stf_interval"]) == (2, "red", 2)


def test_dataclasses_and_future_annotations_work() -> None:
    _, value = run(
        """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Shift:
    leader: str

class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        pass

    def execute(self, env):
        yield env.timeout(1)
        return Shift("x").leader
"""
    )
    assert value == "x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "defines no class WorkflowExecutor"),
        ("class WorkflowExecutor:\n    def __init__(self, a, b): pass", "cannot be made"),
        ("class WorkflowExecutor:\n    def __init__(self, parameters): pass", "no method execute"),
        (
            "class WorkflowExecutor:\n    def __init__(self, parameters): pass\n"
            "    def execute(self, env): return 5",
            "gives a int, not a generator",
        ),
    ],
)
def test_code_that_is_no_workflow(text: str, said: str) -> None:
    with pytest.raises(WorkflowFailed, match=said):
        run(text)


def test_traceback_shows_the_lines_of_the_recorded_source() -> None:
    text = """
class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        pass

    def execute(self, env):
        yield env.timeout(1)
        raise RuntimeError("no beam")  # the line to be seen
"""
    source = WorkflowSource("own", text)
    with pytest.raises(RuntimeError) as caught:
        run(text)
    source.trim(caught.value)
    shown = source.traceback(caught.value)
    assert "workflows/runner/source.py" not in shown
    assert 'File "workflows/own.py", line 8, in execute' in shown
    assert "# the line to be seen" in shown
