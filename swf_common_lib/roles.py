"""The roles of the testbed: each kind of agent, its program, and what it does in a run.

What a role is stands here alone. A new agent is its file and a line of ``ROLES``; supervisord's
programs, prospects of a start, diagnosis and health follow from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Role:
    """One kind of agent."""

    agent_type: str
    """As in its heartbeats, and as ``[agents.NAME]`` of testbed.toml calls it."""
    program: str
    """Its program in agents.supervisord.conf."""
    script: str
    """Its file, relative to the installation's folder."""
    consumes: str
    """Type of the messages that it answers, each with work of its own."""
    queue: str = ""
    """Work queue that it consumes; empty for one that only hears broadcasts."""
    effect_if_absent: str = ""
    """What does not happen while no agent of the role is up."""
    stop_wait: int = 15
    """Seconds from the signal to stop until supervisord kills it."""

    @property
    def hears_broadcasts(self) -> bool:
        """Return what it answers is broadcast: then what was sent before it came is lost to it."""
        return self.consumes not in ("slice", "run_workflow")


RUNNER = Role(
    agent_type="workflow_runner",
    program="workflow-runner",
    script="workflows/workflow_runner.py",
    consumes="run_workflow",
    queue="/queue/workflow_control",
    effect_if_absent="nothing that is started runs",
    stop_wait=20,
)
DATA = Role(
    agent_type="data",
    program="data-agent",
    script="agents/data_agent.py",
    consumes="stf_gen",
    effect_if_absent="STFs are not registered",
)
PROCESSING = Role(
    agent_type="processing",
    program="processing-agent",
    script="agents/processing_agent.py",
    consumes="stf_ready",
    effect_if_absent="STFs are not processed",
)
FASTMON = Role(
    agent_type="fastmon",
    program="fastmon-agent",
    script="agents/fastmon_agent.py",
    consumes="stf_ready",
    effect_if_absent="STFs are not sampled",
)
FAST_PROCESSING = Role(
    agent_type="fast_processing",
    program="fast-processing-agent",
    script="agents/fast_processing_agent.py",
    consumes="tf_file_registered",
    queue="/queue/panda.results.fastprocessing",
    effect_if_absent="samples are not cut into slices",
)
WORKER = Role(
    agent_type="worker",
    program="fast-processing-worker",
    script="agents/worker.py",
    consumes="slice",
    queue="/queue/panda.transformer.slices",
    effect_if_absent="slices wait in their queue",
)

ROLES: Mapping[str, Role] = MappingProxyType(
    {role.agent_type: role for role in (RUNNER, DATA, PROCESSING, FASTMON, FAST_PROCESSING, WORKER)}
)
"""By agent type."""


def role_of_program(program: str) -> Role | None:
    """Return the role whose program of supervisord is called ``program``; None for no such role."""
    return next((role for role in ROLES.values() if role.program == program), None)


def role_of_queue(queue: str) -> Role | None:
    """Return the role that consumes a work queue; further streams have a number behind its name."""
    for role in ROLES.values():
        if role.queue and (queue == role.queue or queue.startswith(f"{role.queue}.")):
            return role
    return None
