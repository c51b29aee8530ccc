"""Starting and stopping this host's agents, so that the history says who asked for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import Error as DatabaseFailure

from monitor.executions.requesters import Requester
from monitor.records.transitions import record_event
from orchestrator.agent_history import event_data
from orchestrator.agents import (
    chosen_programs,
    require_host_of_agents,
    running_programs,
)
from orchestrator.agents import start_agents as start_programs
from orchestrator.agents import stop_agents as stop_programs
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.connection import SupervisorUnavailable
from orchestrator.supervisord.process import Process
from swf_common_lib.errors import TestbedError
from swf_common_lib.settings import Settings
from swf_common_lib.states import AgentsEvent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgentsOnHost:
    """This host's agents, as somebody starts and stops them."""

    settings: Settings
    asked: Requester
    give_up: threading.Event | None = None
    """Set to wait no longer for what was begun."""

    def start(self, names: Sequence[str] = ()) -> tuple[list[Process], str]:
        """Start agents as ``orchestrator.agents`` does; return them, and a note or "".

        Raises what that raises, and NotFound for a wrong name before anything is recorded.
        """
        wanted = chosen_programs(self.settings, names)
        before = programs_here(self.settings)
        self._record(AgentsEvent.START_REQUESTED, _called(names), wanted)
        try:
            processes = start_programs(self.settings, names, self.give_up)
        except TestbedError as error:
            ended = _afresh(before, programs_here(self.settings))
            self._record_outcome(
                AgentsEvent.START_FAILED, f"{_called(names)}: {error.detail}{ended}", wanted
            )
            raise
        afresh = _afresh(before, {process.name: process for process in processes})
        programs = [process.name for process in processes]
        what = f"{', '.join(programs)}{afresh}"
        unrecorded = self._record_outcome(AgentsEvent.STARTED, what, programs)
        return processes, f"{afresh}; {unrecorded}".strip("; ")

    def stop(self, names: Sequence[str] = ()) -> tuple[list[str], str]:
        """Stop agents as ``orchestrator.agents`` does; return those that ran, and a note or ""."""
        wanted, asked = chosen_programs(self.settings, names), None
        try:
            asked = running_programs(self.settings, names)
            if asked:
                self._record(AgentsEvent.STOP_REQUESTED, ", ".join(asked), asked)
            stopped = stop_programs(self.settings, names, self.give_up)
        except TestbedError as error:
            if asked is None or asked:  # unless it is known that none ran
                what = f"{', '.join(asked or []) or _called(names)}: {error.detail}"
                self._record_outcome(AgentsEvent.STOP_FAILED, what, asked or wanted)
            raise
        if not stopped:
            return [], f"None of {_called(names)} ran; nothing was changed."
        return stopped, self._record_outcome(AgentsEvent.STOPPED, ", ".join(stopped), stopped)

    def check(self, names: Sequence[str]) -> None:
        """Raise Conflict in a container of the services, NotFound for a wrong name."""
        require_host_of_agents(self.settings, "start-agents")
        chosen_programs(self.settings, names)

    def _record(self, event: AgentsEvent, what: str, programs: Sequence[str]) -> None:
        data = event_data(programs, what)
        record_event("", event, actor=self.asked.name, via=self.asked.via, reason=what, data=data)

    def _record_outcome(self, event: AgentsEvent, what: str, programs: Sequence[str]) -> str:
        """Record the outcome of an act; return a note instead of an error of the database.

        The act is done: the caller has to read its outcome.
        """
        try:
            self._record(event, what, programs)
        except DatabaseFailure as error:
            logger.exception("%s of %s is not in the history: %s", event, self.asked.name, what)
            return f"the history lacks {event}, as the database failed: {error}"
        return ""


def programs_here(settings: Settings) -> dict[str, Process]:
    """Return this host's agent programs from supervisord by name; none where it is down."""
    try:
        return supervisor_of_agents(settings).processes()
    except SupervisorUnavailable:
        return {}  # nothing was started here


def _afresh(before: Mapping[str, Process], after: Mapping[str, Process]) -> str:
    """Return a note that names the programs that ran before and were replaced by a new process."""
    names = [
        name
        for name, was in before.items()
        if was.up and name in after and after[name].pid != was.pid
    ]
    return f"; stopped first, as they ran in another namespace: {', '.join(names)}" if names else ""


def _called(names: Sequence[str]) -> str:
    return ", ".join(names) or "all that are enabled"
