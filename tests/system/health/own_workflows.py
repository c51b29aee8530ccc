"""Workflows that somebody has written, each with a fault of its own."""

from __future__ import annotations

from tests.stack import Stack

_CODE = '''\
"""A workflow with a fault."""

import time


class WorkflowExecutor:
    def __init__(self, config, runner, execution_id):
        self.config = config

    def execute(self, env):
        yield env.timeout(1)
{body}
'''
_CONFIGURATION = """\
[workflow]
name = "{name}"
version = "1.0"

[mine]
delay = 60
"""
_SIX_STFS = """
[daq_state_machine]
stf_count = 6
physics_period_count = 1
"""
BODIES = {
    "raises": "raise ValueError('no beam')",
    "lacks": "yield env.timeout(self.config['mine']['dela'])",
    "computes": "while True:\n            pass",
    "sleeps": "time.sleep(100_000)",
    "waits": "yield env.timeout(self.config['mine']['delay'])",
    "makes_none": "yield env.timeout(1)",
}
"""What each does after a simulated second."""
BROKEN = "broken.toml"


def add_workflows(stack: Stack) -> None:
    """Add them, with a configuration for each, and one that nobody can read."""
    folder = stack.own_workflows()
    for name, body in BODIES.items():
        (folder / f"{name}.py").write_text(_CODE.format(body=f"        {body}"))
        configuration = _CONFIGURATION.format(name=name)
        configuration += _SIX_STFS if name == "makes_none" else ""
        (folder / f"{name}_default.toml").write_text(configuration)
    (folder / BROKEN).write_text('[workflow\nname = "broken"\n')
