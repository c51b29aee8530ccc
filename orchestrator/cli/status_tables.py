"""The tables of `testbed status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Column, Table
from rich.text import Text

from orchestrator.supervisord.process import Process
from swf_common_lib.findings import Finding, FindingCode
from swf_common_lib.states import Liveness


def process_table(title: str, processes: Iterable[Process]) -> Table:
    """Return a table of supervisord's processes."""
    table = Table("process", "state", "pid", "since", title=title, box=box.SIMPLE)
    for process in processes:
        style = "green" if process.running else ("yellow" if process.up else "red")
        since = f"{process.uptime:.0f} s" if process.pid else process.description
        pid = str(process.pid or "")
        table.add_row(_plain(process.name), Text(process.state, style), pid, _plain(since))
    return table


def services_table(services: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table of services; ``status`` is what was found of each."""
    table = Table("service", "process", "pid", "state", title="Services", box=box.SIMPLE)
    for name, told in services.items():
        cells = (name, told.get("process"), told.get("pid"), told.get("status"))
        table.add_row(*(_plain(cell) for cell in cells))
    return table


def agents_table(agents: Iterable[Mapping[str, Any]], findings: Sequence[Finding]) -> Table:
    """Return a table of agents: how one stands now, not what it said when it was last heard of."""
    identity = Column("agent", overflow="fold")
    table = Table(identity, "type", "state", "status", "namespace", "pid", box=box.SIMPLE)
    table.title = "Agents"
    frozen = {one.subject.id for one in findings if one.code is FindingCode.AGENT_FROZEN}
    for agent in agents:
        state = state_of_agent(agent, frozen=agent.get("instance_name") in frozen)
        speaks = state == agent.get("operational_state")
        cells = (
            agent.get("instance_name") or agent.get("program"),
            agent.get("agent_type"),
            state,
            agent.get("status") if speaks else None,
            agent.get("namespace"),
            agent.get("pid"),
        )
        table.add_row(*(_plain(cell) for cell in cells))
    return table


def state_of_agent(agent: Mapping[str, Any], *, frozen: bool) -> str:
    """Return how an agent stands: its own word while it is alive; its process where it is new."""
    if frozen:
        return "frozen"
    liveness = agent.get("liveness")
    if liveness is None:  # the monitor has not heard of it
        return str(agent.get("process") or "")
    return str(agent.get("operational_state") if liveness == Liveness.ALIVE else liveness)


def executions_table(executions: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table of executions."""
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


def _plain(value: Any) -> Text:
    """Return a cell whose brackets are not taken for rich's markup."""
    return Text("" if value is None else str(value))


def _local_time(value: str | None) -> Text:
    """Return a cell with an ISO time in this machine's zone, in whole seconds."""
    if not value:
        return Text("")
    moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return Text(f"{moment.astimezone():%Y-%m-%d %H:%M:%S}")
