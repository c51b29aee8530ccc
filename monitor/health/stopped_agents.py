"""Agents that this installation is to have, and that do not run."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from django.conf import settings

from monitor.executions.waiting import live_agents
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.configuration import Program
from orchestrator.supervisord.process import Process
from swf_common_lib.config import AgentEntry, load_testbed_file
from swf_common_lib.errors import TestbedError
from swf_common_lib.roles import RUNNER

_WITHOUT = MappingProxyType(
    {
        "data": "STFs are not registered",
        "processing": "STFs are not processed",
        "fastmon": "STFs are not sampled",
        "fast_processing": "samples are not cut into slices",
        "worker": "slices wait for it",
    }
)
"""What does not happen without an agent of a type."""
PATIENCE = 1.0
"""Seconds that supervisord has to answer: the same threads answer heartbeats."""
_DOWN = ("STOPPED", "EXITED")
"""States of a program that nobody tries to have up; one that does not stay up has another."""


def stopped_agents() -> Iterator[tuple[str, str]]:
    """Give each enabled agent's program that is down on this host, and what comes of that.

    None where nobody has started agents, as on a host of the services alone, and none while no
    program of theirs is up: that there is no runner says that. The runner is left out.
    """
    try:
        testbed = load_testbed_file(settings.TESTBED.swf_testbed_config)
        supervisor = supervisor_of_agents(settings.TESTBED)
        programs = supervisor.configuration.programs
        processes = supervisor.processes(PATIENCE)
    except (TestbedError, OSError):
        return  # no supervisord answers, or its file or testbed.toml is told of as faulty
    if not any(process.active for process in processes.values()):
        return
    served = set(
        live_agents().filter(namespace=testbed.namespace).values_list("agent_type", flat=True)
    )
    for entry in testbed.agents.values():
        name = _program_of(entry, programs)
        if name and entry.name not in served and _is_down(processes.get(name)):
            yield name, _WITHOUT.get(entry.name, "what it is to answer has no answer")


def _program_of(entry: AgentEntry, programs: dict[str, Program]) -> str:
    """Give the program that runs an enabled agent; empty: none, or it is the runner."""
    if not entry.enabled or not entry.script:
        return ""
    found = (name for name, program in programs.items() if program.runs(entry.script))
    name = next(found, "")
    return "" if name == RUNNER.program else name


def _is_down(process: Process | None) -> bool:
    return process is not None and process.state in _DOWN
