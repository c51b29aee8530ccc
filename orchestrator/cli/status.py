"""`testbed status`: services, agents and executions."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Column, Table
from rich.text import Text

from orchestrator.cli.context import Commands, Context
from orchestrator.installation import require_token
from orchestrator.process_health import process_findings
from orchestrator.services import services_of, supervisor_of_agents, supervisor_of_services
from orchestrator.supervisord.orphans import named_programs_of
from orchestrator.supervisord.process import Process
from orchestrator.supervisord.supervisor import Supervisor
from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.findings import Finding, FindingCode
from swf_common_lib.states import OperationalState

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
_NOT_UP = (FindingCode.PORT_TAKEN, FindingCode.PROCESS_RESTARTING, FindingCode.PROCESS_GIVEN_UP)


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    status = commands.add_parser("status", help="services, agents and recent executions")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(command=_status)


def process_table(title: str, processes: Iterable[Process]) -> Table:
    """Return a table of supervisord's processes."""
    table = Table("process", "state", "pid", "since", title=title, box=box.SIMPLE)
    for process in processes:
        style = "green" if process.running else ("yellow" if process.up else "red")
        since = f"{process.uptime:.0f} s" if process.pid else process.description
        pid = str(process.pid or "")
        table.add_row(_plain(process.name), Text(process.state, style), pid, _plain(since))
    return table


def _plain(value: Any) -> Text:
    """Return a cell whose brackets are not taken for rich's markup."""
    return Text("" if value is None else str(value))


def _local_time(value: str | None) -> Text:
    """Return a cell with an ISO time in this machine's zone, in whole seconds."""
    if not value:
        return Text("")
    moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return Text(f"{moment.astimezone():%Y-%m-%d %H:%M:%S}")


def gather(context: Context) -> dict[str, Any]:
    """Return what supervisord and the monitor know; one that does not answer is a problem in it."""
    settings = context.settings
    answer: dict[str, Any] = {
        "services": _processes(
            supervisor_of_services(settings), [service.name for service in services_of(settings)]
        ),
        "agents": [],
        "executions": [],
        "problems": [],
    }
    findings = process_findings(settings)
    answer["findings"] = [finding.as_json() for finding in findings]
    programs = _processes(supervisor_of_agents(settings))
    client = context.client()
    try:
        seen = client.get("status/")
        executions = client.get("workflow-executions/", limit=RECENT_EXECUTIONS)
    except MonitorUnavailable as error:
        answer["problems"].append(
            {"what": error.detail, "where": settings.swf_monitor_url, "next": error.hint}
        )
        answer["agents"] = [{"program": name, **told} for name, told in programs.items()]
        _mark_troubled(answer["services"], findings)
        return answer
    for name, told in seen.get("services", {}).items():
        answer["services"].setdefault(name, {}).update(told if isinstance(told, dict) else {})
    _mark_troubled(answer["services"], findings)
    answer["agents"] = _with_programs(seen.get("agents", []), programs)
    answer["executions"] = [
        {name: record.get(name) for name in EXECUTION_FIELDS} for record in executions
    ]
    answer["problems"] = seen.get("problems", [])
    return answer


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


def _mark_troubled(services: dict[str, dict[str, Any]], findings: Iterable[Finding]) -> None:
    """Set the status of services that do not serve to their finding's severity."""
    for finding in findings:
        told = services.get(finding.subject.id)
        if told is not None and finding.code in _NOT_UP:
            told["status"] = finding.severity.value


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
    answer = gather(context)
    # Without the monitor's answer nothing is known of executions: that is no success.
    monitor = context.settings.swf_monitor_url
    failed = any(problem.get("where") == monitor for problem in answer["problems"])
    if options.json:
        context.out.print(json.dumps(answer, indent=2), markup=False)
        return int(failed)
    context.out.print(_services_table(answer["services"]))
    context.out.print(_agents_table(answer["agents"]))
    context.out.print(_executions_table(answer["executions"]))
    for problem in answer["problems"]:
        context.out.print("problem: ", style="bold red", end="")
        context.out.print(
            f"{problem.get('what', '')}. {problem.get('next', '')}",
            markup=False,
        )
    return int(failed)


def _services_table(services: dict[str, dict[str, Any]]) -> Table:
    table = Table("service", "process", "pid", "state", title="Services", box=box.SIMPLE)
    for name, told in services.items():
        state = told.get("status") or told.get("state") or ""
        table.add_row(
            _plain(name), _plain(told.get("process")), _plain(told.get("pid")), _plain(state)
        )
    return table


def _agents_table(agents: list[dict[str, Any]]) -> Table:
    identity = Column("agent", overflow="fold")
    table = Table(identity, "type", "state", "status", "namespace", "pid", box=box.SIMPLE)
    table.title = "Agents"
    for agent in agents:
        if agent.get("operational_state") == OperationalState.EXITED:
            continue
        silent = agent.get("alive") is False
        table.add_row(
            _plain(agent.get("instance_name") or agent.get("program")),
            _plain(agent.get("agent_type")),
            _plain("silent" if silent else agent.get("operational_state") or agent.get("process")),
            _plain("" if silent else agent.get("status")),
            _plain(agent.get("namespace")),
            _plain(agent.get("pid")),
        )
    return table


def _executions_table(executions: list[dict[str, Any]]) -> Table:
    identity = Column("execution", overflow="fold")
    columns = ("status", "STFs", "slices", "namespace", "started", "ended")
    table = Table(identity, *columns, title="Executions", box=box.SIMPLE)
    for execution in executions:
        table.add_row(
            _plain(execution.get("execution_id")),
            _plain(execution.get("status")),
            _plain(stf_text(execution.get("progress") or {})),
            _plain(slice_text(execution.get("progress") or {})),
            _plain(execution.get("namespace")),
            _local_time(execution.get("start_time")),
            _local_time(execution.get("end_time")),
        )
    return table


def stf_text(progress: Mapping[str, Any]) -> str:
    """Return how many STFs were made of those asked for; empty where nothing is known."""
    if not progress:
        return ""
    asked, made = progress.get("stf_files_requested"), progress.get("stf_files_announced", 0)
    text = f"{made}" if asked is None else f"{made} of {asked}"
    registered = progress.get("stf_files_registered", made)
    return text if registered == made else f"{text}, {registered} registered"


def slice_text(progress: Mapping[str, Any]) -> str:
    """Return how many slices are done of those made, and how many failed; empty before any."""
    made = progress.get("slices_made", 0)
    if not made:
        return ""
    text = f"{progress.get('slices_done', 0)} of {made}"
    failed = progress.get("slices_failed", 0)
    return f"{text}, {failed} failed" if failed else text
