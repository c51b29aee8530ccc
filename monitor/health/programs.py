"""The programs of this host's agents, as supervisord has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.process import Process
from swf_common_lib.config import TestbedFile, load_testbed_file
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.roles import ROLES, RUNNER
from swf_common_lib.settings import Settings

PATIENCE = 1.0
"""Seconds that supervisord has to answer: the same threads answer heartbeats."""
_DOWN = ("STOPPED", "EXITED")
"""States of a program that nobody tries to have up; one that does not stay up has another."""


@dataclass(frozen=True)
class Programs:
    """What was seen of this host's programs, and of testbed.toml, which enables them."""

    processes: Mapping[str, Process] = field(default_factory=dict)
    """By program; empty where no supervisord of agents answers."""
    testbed: TestbedFile | None = None
    problems: tuple[str, ...] = ()
    """Why testbed.toml cannot be used."""

    @property
    def started(self) -> bool:
        """Whether somebody has started agents here and not stopped all of them."""
        return any(process.active for process in self.processes.values())

    def down(self) -> dict[str, str]:
        """Return the program of each enabled role that is down here, by agent type.

        None where nobody has started agents, as on a host of the services alone.
        """
        if not self.started or self.testbed is None:
            return {}
        enabled = [RUNNER.agent_type, *self._enabled()]
        programs = {kind: ROLES[kind].program for kind in enabled if kind in ROLES}
        return {kind: name for kind, name in programs.items() if self._is_down(name)}

    def _enabled(self) -> list[str]:
        assert self.testbed is not None  # noqa: S101  (asked only where there is one)
        scripts = {role.script: kind for kind, role in ROLES.items()}
        entries = [entry for entry in self.testbed.agents.values() if entry.enabled]
        return [scripts.get(entry.script, entry.name) for entry in entries]

    def _is_down(self, program: str) -> bool:
        process = self.processes.get(program)
        return process is not None and process.state in _DOWN


def testbed_of(settings: Settings) -> Programs:
    """Read testbed.toml, and ask nobody."""
    try:
        return Programs(testbed=load_testbed_file(settings.swf_testbed_config))
    except ConfigurationError as error:
        return Programs(problems=tuple(error.problems))


def programs_of(settings: Settings) -> Programs:
    """Read testbed.toml and ask supervisord; what does not answer is empty."""
    try:
        processes = supervisor_of_agents(settings).processes(PATIENCE)
    except (TestbedError, OSError):
        processes = {}  # nothing was started here
    return replace(testbed_of(settings), processes=processes)
