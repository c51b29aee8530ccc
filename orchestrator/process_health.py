"""Findings about this host's processes, from both supervisords, without Django.

For the terminal, also while the monitor is down, for the monitor and for the MCP server. One
question to each supervisord, a second's patience, bounded reads; nothing is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone

import psutil

from orchestrator.process_rules import (
    ObservedProgram,
    ObservedSupervisord,
    SupervisordAnswer,
    findings_of,
)
from orchestrator.services import (
    agents_file,
    services_of,
    supervisor_of_agents,
    supervisor_of_services,
)
from orchestrator.supervisord.configuration import SupervisorConfiguration
from orchestrator.supervisord.connection import ShuttingDown, SupervisorUnavailable
from orchestrator.supervisord.log import End, History, read_histories
from orchestrator.supervisord.orphans import named_programs_of, process_is_stopped
from orchestrator.supervisord.process import Process
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
    ranked,
)
from swf_common_lib.settings import Settings

PATIENCE = 1.0
"""Seconds that supervisord has to answer; it answers at once or is in trouble."""


def process_findings(settings: Settings) -> list[Finding]:
    """Return the findings about the processes that this host is to have, the worst first.

    Services that run elsewhere, or in containers, are not looked at.
    """
    now = datetime.now(timezone.utc)
    found: list[Finding] = []
    for look in (_look_at_services, _look_at_agents):
        try:
            found += findings_of(look(settings), now)
        except ConfigurationError as error:
            found.append(_unusable(error))
    return ranked(found)


def findings_without_database(settings: Settings, error: str) -> list[Finding]:
    """Return that the database does not answer, and what else the processes of this host show."""
    away = Finding(
        FindingCode.DATABASE_AWAY,
        Severity.ERROR,
        Subject(SubjectKind.SERVICE, "database"),
        Remedy.START_SERVICES,
        evidence=evidence(error=error),
        target={"service": "database"},
    )
    found = process_findings(settings)
    ours = [one for one in found if one.code is FindingCode.DATABASE_AWAY]  # they say how it ended
    return ranked([*ours, away, *found])


def last_end_of(settings: Settings, program: str) -> End | None:
    """Return how a program that is down ended, as supervisord's log tells.

    None for one that is up, was never started, or whose end the log does not have.
    Raises ConfigurationError for a configuration of supervisord that cannot be used.
    """
    for supervisor_of in (supervisor_of_agents, supervisor_of_services):
        supervisor = supervisor_of(settings)
        if program in supervisor.configuration.programs:
            return _history(supervisor, program).end
    return None


def _history(supervisor: Supervisor, program: str) -> History:
    return read_histories(supervisor.configuration.log_file).get(program, History())


def _look_at_services(settings: Settings) -> ObservedSupervisord:
    services = services_of(settings)
    if not services:
        return ObservedSupervisord(True, SupervisordAnswer.GIVEN, ())  # they run elsewhere
    supervisor = supervisor_of_services(settings)
    answer, processes = _ask(supervisor)
    histories = read_histories(supervisor.configuration.log_file)
    programs = []
    for service in services:
        process = processes.get(service.name)
        programs.append(
            ObservedProgram(
                service.name,
                process,
                histories.get(service.name, History()),
                service.port(settings) or 0,
                service.stranger(settings, process, supervisor)
                if answer in (SupervisordAnswer.GIVEN, SupervisordAnswer.NONE)
                else None,
                service.port_setting,
                frozen=process is not None and process.pid > 0 and process_is_stopped(process.pid),
            )
        )
    return _observed(supervisor, answer, programs, services=True)


def _look_at_agents(settings: Settings) -> ObservedSupervisord:
    if not agents_file(settings).exists():
        return ObservedSupervisord(False, SupervisordAnswer.GIVEN, ())  # they run elsewhere
    supervisor = supervisor_of_agents(settings)
    answer, processes = _ask(supervisor)
    histories = read_histories(supervisor.configuration.log_file) if processes else {}
    programs = [
        ObservedProgram(name, process, histories.get(name, History()))
        for name, process in processes.items()
    ]
    return _observed(supervisor, answer, programs, services=False)


def _ask(supervisor: Supervisor) -> tuple[SupervisordAnswer, Mapping[str, Process]]:
    try:
        return SupervisordAnswer.GIVEN, supervisor.processes(PATIENCE)
    except ShuttingDown:
        return SupervisordAnswer.ENDING, {}
    except SupervisorUnavailable:
        alive = _daemon_pid(supervisor.configuration)
        return SupervisordAnswer.LATE if alive else SupervisordAnswer.NONE, {}


def _observed(
    supervisor: Supervisor,
    answer: SupervisordAnswer,
    programs: Sequence[ObservedProgram],
    *,
    services: bool,
) -> ObservedSupervisord:
    if answer in (SupervisordAnswer.GIVEN, SupervisordAnswer.ENDING):
        return ObservedSupervisord(services, answer, programs)
    return ObservedSupervisord(
        services,
        answer,
        programs,
        _daemon_pid(supervisor.configuration),
        named_programs_of(supervisor.socket),
    )


def _daemon_pid(configuration: SupervisorConfiguration) -> int:
    """Return the id of the daemon's process, which may have left its file behind; 0 for none."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int(configuration.pid_file.read_text()))
        # Its number may be another program's by now.
        if any("supervisord" in word for word in process.cmdline()):
            return int(process.pid)
    return 0


def _unusable(error: ConfigurationError) -> Finding:
    file = error.problems[0].partition(":")[0]
    return Finding(
        FindingCode.CONFIGURATION_BROKEN,
        Severity.ERROR,
        Subject(SubjectKind.FILE, file),
        Remedy.MEND_FILE,
        evidence=evidence(problem="; ".join(error.problems)),
        target={"file": file},
    )
