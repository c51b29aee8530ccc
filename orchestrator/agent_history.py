"""Starting and stopping agents so that the monitor's history says who did it."""

from __future__ import annotations

import getpass
import logging
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from orchestrator.agents import (
    programs_to_start,
    require_host_of_agents,
    running_programs,
    start_agents,
    stop_agents,
)
from orchestrator.supervisord.process import Process
from swf_common_lib.errors import TestbedError
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings
from swf_common_lib.states import AgentsEvent

TIMEOUT = 3.0
"""Seconds that the monitor has to take an event: agents are started and stopped without it too."""

logger = logging.getLogger(__name__)


def start_agents_on_record(settings: Settings, names: Sequence[str] = ()) -> list[Process]:
    """Start agents as ``start_agents`` does, with an event for those that do not run yet."""
    require_host_of_agents(settings, "start-agents")
    programs = programs_to_start(settings, names)
    with _on_record(
        settings,
        programs,
        AgentsEvent.START_REQUESTED,
        AgentsEvent.STARTED,
        AgentsEvent.START_FAILED,
    ):
        return start_agents(settings, names)


def stop_agents_on_record(settings: Settings, names: Sequence[str] = ()) -> list[str]:
    """Stop agents as ``stop_agents`` does, with an event for those that run."""
    require_host_of_agents(settings, "stop-agents")
    programs = running_programs(settings, names)
    with _on_record(
        settings,
        programs,
        AgentsEvent.STOP_REQUESTED,
        AgentsEvent.STOPPED,
        AgentsEvent.STOP_FAILED,
    ):
        return stop_agents(settings, names)


def event_data(programs: Sequence[str], reason: str) -> dict[str, Any]:
    """Return the data of an event about agents of this host."""
    return {"reason": reason, "programs": list(programs), "host": socket.gethostname()}


@contextmanager
def _on_record(
    settings: Settings,
    programs: Sequence[str],
    requested: AgentsEvent,
    done: AgentsEvent,
    failed: AgentsEvent,
) -> Generator[None, None, None]:
    what = ", ".join(programs)
    if not programs:
        yield
        return
    _post(settings, requested, programs, what)
    try:
        yield
    except TestbedError as error:
        _post(settings, failed, programs, f"{what}: {error.detail}")
        raise
    _post(settings, done, programs, what)


def _post(settings: Settings, event: AgentsEvent, programs: Sequence[str], reason: str) -> None:
    """Record an event; where the monitor is away, or refuses it, the act goes on without."""
    try:
        MonitorClient.from_settings(settings, timeout=TIMEOUT).post(
            "system-state-events/",
            {
                "timestamp": datetime.now(timezone.utc).isoformat(),
                "event_type": event.value,
                "actor": getpass.getuser(),
                "via": "cli",
                "event_data": event_data(programs, reason),
            },
        )
    except TestbedError as error:
        logger.info("%s of %s is not in the history: %s", event, reason, error.detail)
