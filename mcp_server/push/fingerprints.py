"""Fingerprints of resources: one differs from the last when what the resource shows changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db.models import Max
from django.utils import timezone

from mcp_server.uris import EXECUTION, LOG, STATUS, WORKFLOW
from monitor.executions.announcer import announcer
from monitor.health.liveness import agents_seen
from monitor.records.models import (
    AppLog,
    RunState,
    SystemStateEvent,
    WorkflowDefinition,
    WorkflowExecution,
)
from monitor.records.states import ACTIVE, ExecutionStatus
from swf_common_lib.settings import Settings

_SHOWN = (
    "status",
    "status_reason",
    "run_number",
    "runner",
    "start_time",
    "end_time",
    "error_message",
    "announced_at",
)
_RECENT = timedelta(hours=24)

Fingerprint = Any


def fingerprints_of(uris: Iterable[str], settings: Settings) -> dict[str, Fingerprint]:
    """Return the present fingerprint of each resource; None for one that does not exist."""
    fingerprints: dict[str, Fingerprint] = {}
    executions: dict[str, str] = {}
    logs: dict[str, str] = {}
    for uri in uris:
        if uri == STATUS:
            fingerprints[uri] = _status()
        elif uri.startswith(WORKFLOW):
            fingerprints[uri] = _workflow(uri.removeprefix(WORKFLOW), settings)
        elif uri.startswith(EXECUTION) and uri.endswith(LOG):
            logs[uri.removeprefix(EXECUTION).removesuffix(LOG)] = uri
        elif uri.startswith(EXECUTION):
            executions[uri.removeprefix(EXECUTION)] = uri
        else:
            fingerprints[uri] = None
    found = _executions(list(executions)) if executions else {}
    newest = _logs(list(logs)) if logs else {}
    fingerprints |= {uri: found.get(execution_id) for execution_id, uri in executions.items()}
    return fingerprints | {uri: newest.get(execution_id) for execution_id, uri in logs.items()}


def _executions(ids: list[str]) -> dict[str, Fingerprint]:
    rows = WorkflowExecution.objects.filter(pk__in=ids)
    own = {row[0]: row[1:] for row in rows.values_list("execution_id", *_SHOWN)}
    states = RunState.objects.filter(execution_id__in=ids).order_by("run_number")
    runs: dict[str, list[Any]] = {}
    for state in states.values():
        del state["updated_at"]
        runs.setdefault(state["execution_id"], []).append(str(state))
    events = dict(
        SystemStateEvent.objects.filter(execution_id__in=ids)
        .values_list("execution_id")
        .annotate(Max("id"))
    )
    return {name: (row, tuple(runs.get(name, ())), events.get(name)) for name, row in own.items()}


def _logs(ids: list[str]) -> dict[str, Fingerprint]:
    rows = AppLog.objects.filter(execution_id__in=ids).values_list("execution_id")
    return dict(rows.annotate(Max("id")))


def _status() -> Fingerprint:
    now = timezone.now()
    unfinished = WorkflowExecution.objects.filter(status__in=[ExecutionStatus.PENDING, *ACTIVE])
    return (
        tuple(
            (agent.name, agent.row.operational_state, agent.row.status, agent.liveness)
            for agent in agents_seen(now, everything=True)
        ),
        tuple(unfinished.order_by("pk").values_list("execution_id", "status")),
        announcer().status().connected,
    )


def _workflow(name: str, settings: Settings) -> Fingerprint:
    workflows = settings.swf_home / "workflows"
    files = [workflows / f"{name}.py"] if name.isidentifier() else []
    files += sorted(workflows.glob("*.toml"))
    recorded = WorkflowDefinition.objects.filter(workflow_name=name)
    return (
        tuple(_version(file) for file in files),
        tuple(recorded.order_by("pk").values_list("pk", flat=True)),
    )


def _version(file: Path) -> Fingerprint:
    """Return name, modification time and size of a file, which change when it is written."""
    try:
        found = file.stat()
    except OSError:
        return file.name, None, None
    return file.name, found.st_mtime_ns, found.st_size
