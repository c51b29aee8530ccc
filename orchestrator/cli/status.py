"""`testbed status`: services, agents and executions, and what needs a hand."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from orchestrator.cli.context import Commands, Context
from orchestrator.cli.findings_display import (
    findings_without_monitor,
    needs_a_hand,
    print_findings,
)
from orchestrator.cli.status_tables import agents_table, executions_table, services_table
from orchestrator.installation import require_token
from orchestrator.services import services_of, supervisor_of_agents, supervisor_of_services
from orchestrator.supervisord.orphans import named_programs_of
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.findings import (
    SEVERITIES,
    Finding,
    FindingCode,
    Severity,
    SubjectKind,
)
from swf_common_lib.text import instant

EXECUTION_FIELDS = (
    "execution_id",
    "status",
    "workflow_name",
    "namespace",
    "start_time",
    "end_time",
    "progress",
)
RECENT_EXECUTIONS = 20
ORPHANED = "ORPHANED"
"""State of a process that lives without its supervisord, beside supervisord's own words."""
_SAME = {"postgres": "database", "database": "postgres"}
"""A local PostgreSQL is a process of ours, and what the monitor asks."""


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    status = commands.add_parser(
        "status",
        help="services, agents, recent executions, and what needs a hand",
        description="Print services, agents and recent executions, then what needs a hand. Exit"
        " status 0: the monitor answered, whatever it found; 1: it did not. `testbed diagnose`"
        " is for scripts that ask whether all is well.",
    )
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(command=_status)


@dataclass(frozen=True)
class SystemState:
    """What supervisord and the monitor know."""

    as_of: str
    answered: bool
    """Whether the monitor did; without it nothing is known of executions."""
    findings: list[Finding]
    services: dict[str, dict[str, Any]]
    agents: list[dict[str, Any]]
    executions: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return it as `testbed status --json` prints it."""
        return {
            "as_of": self.as_of,
            "healthy": not needs_a_hand(self.findings),
            "findings": [finding.as_json() for finding in self.findings],
            "services": self.services,
            "agents": self.agents,
            "executions": self.executions,
        }


def gather(context: Context) -> SystemState:
    """Return what supervisord and the monitor know; one that does not answer is a finding."""
    settings = context.settings
    services = _processes(
        supervisor_of_services(settings), [service.name for service in services_of(settings)]
    )
    programs = _processes(supervisor_of_agents(settings))
    client = context.client()
    try:
        seen = client.get("status/")
        executions = client.get("workflow-executions/", limit=RECENT_EXECUTIONS)
    except MonitorUnavailable as error:
        findings = findings_without_monitor(settings, error)
        _follow_findings(services, findings)
        agents = [{"program": name, **told} for name, told in programs.items()]
        now = instant(datetime.now(timezone.utc)) or ""
        return SystemState(now, False, findings, services, agents, [])
    findings = [Finding.from_json(told) for told in seen["findings"]]
    for name, told in seen["services"].items():
        services.setdefault(name, {}).update(told)
    _follow_findings(services, findings)
    return SystemState(
        seen["as_of"],
        True,
        findings,
        services,
        _with_programs(seen["agents"], programs),
        [{name: record.get(name) for name in EXECUTION_FIELDS} for record in executions],
    )


def _processes(
    supervisor: Supervisor, names: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the processes of a supervisord, or only those in ``names`` if there are any."""
    wanted = supervisor.configuration.programs if names is None else names
    if not supervisor.alive():
        left = {name: pid for pid, name in named_programs_of(supervisor.socket).items()}
        return {
            name: {"process": ORPHANED if name in left else "STOPPED", "pid": left.get(name)}
            for name in wanted
        }
    return {
        name: {"process": process.state, "pid": process.pid or None}
        for name, process in supervisor.processes().items()
        if name in wanted
    }


def _follow_findings(services: dict[str, dict[str, Any]], findings: Sequence[Finding]) -> None:
    """Set the status of each service of which something was found: the worst of it."""
    worst: dict[str, Severity] = {}
    for one in findings:
        if one.subject.kind is not SubjectKind.SERVICE or one.severity is Severity.NOTE:
            continue
        for name in _services_of(one, services):
            worst[name] = min(one.severity, worst.get(name, one.severity), key=SEVERITIES.index)
    for name, severity in worst.items():
        services[name]["status"] = severity.value
    for name, told in services.items():
        other = services.get(_SAME.get(name, ""), {})
        if "status" not in told and "status" in other:
            told["status"] = other["status"]


def _services_of(finding: Finding, services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the services that a finding is about, a killed supervisord's all."""
    if finding.code is FindingCode.SUPERVISORD_AWAY and finding.subject.id == "services":
        return [name for name, told in services.items() if told.get("process") == ORPHANED]
    names = {finding.subject.id, _SAME.get(finding.subject.id, "")}
    return [name for name in services if name in names]


def _with_programs(
    agents: list[dict[str, Any]], programs: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the monitor's agents with their supervisord programs, joined by process id."""
    by_pid = {told["pid"]: name for name, told in programs.items() if told["pid"]}
    joined = []
    for agent in agents:
        name = by_pid.pop(agent.get("pid"), None)
        process = programs[name]["process"] if name else None
        joined.append({**agent, "program": name, "process": process})
    unseen = [{"program": name, **programs[name]} for name in by_pid.values()]
    return joined + unseen


def _status(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    state = gather(context)
    if options.json:
        context.out.print(json.dumps(state.as_json(), indent=2), markup=False)
    else:
        context.out.print(services_table(state.services))
        context.out.print(agents_table(state.agents, state.findings))
        context.out.print(executions_table(state.executions))
        print_findings(context, state.findings, state.as_of)
    return int(not state.answered)
