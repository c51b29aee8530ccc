"""The state of the testbed as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from anyio import to_thread
from django.utils import timezone

from mcp_server.answers.finding_texts import brief_view, concise_view, view
from mcp_server.answers.results import Result
from mcp_server.application import Application
from mcp_server.views.summary import summary_of
from monitor.diagnosis.status import system_status
from monitor.diagnosis.system import system_findings
from monitor.health.look import Look, take_look
from monitor.health.queues import queue_view
from monitor.records.states import TERMINAL
from orchestrator.process_health import findings_without_database
from orchestrator.queue_depths import QueueReader
from swf_common_lib.errors import Unavailable
from swf_common_lib.findings import (
    Finding,
    Severity,
)
from swf_common_lib.text import given, instant

_OF_EXECUTIONS = ("execution_id", "status", "namespace", "run_number")
_ENDED_SHOWN = 3
_UNFINISHED_SHOWN = 20
_FINDINGS_SHOWN = 20
_IN_FULL = 5
"""Findings that are put into words; of the others it is enough to know that they are there."""

FindingView = Callable[[Finding], dict[str, Any]]


class SystemStatus(Result):
    """State of the testbed as a whole."""

    as_of: str
    healthy: bool
    """Nothing needs a hand: services, processes, agents, queues, configurations, hosts, and the
    executions and runs of the last hour were looked at."""
    findings: list[dict[str, Any]]
    """What was found, the worst first, a symptom below its cause; and what to do next."""
    findings_left_out: int | None = None
    services: dict[str, Any]
    runners: list[str]
    """Those that are alive."""
    agents_alive: dict[str, int]
    """By type."""
    processes: dict[str, str] = {}
    """Programs of this host's supervisord with their state; empty where it does not run."""
    executions: list[dict[str, Any]]
    """Unfinished ones, and the last that ended."""
    queues: dict[str, Any] | None = None
    """Those of the broker that hold messages; absent where nobody knows."""
    queues_unknown: str | None = None
    """Why nobody knows what waits in the broker's queues, and what to do about it."""


async def current_status(
    application: Application, *, evidence: bool = False
) -> tuple[SystemStatus, str]:
    """Return the state of the testbed and a line on it; a database that is away is part of it.

    ``evidence``: with that of each finding; its sentence has most of it.
    """
    shown = view if evidence else concise_view
    try:
        return await application.database(_status, application.queues, shown)
    except Unavailable as error:
        findings = await to_thread.run_sync(
            findings_without_database, application.settings, error.detail
        )
        status = SystemStatus(
            as_of=instant(timezone.now()) or "",
            healthy=False,
            findings=[shown(finding) for finding in findings],
            services={"database": {"status": Severity.ERROR.value, "detail": error.detail}},
            runners=[],
            agents_alive={},
            executions=[],
            queues_unknown="the database does not answer",
        )
        return status, summary_of(findings)


def _status(queues: QueueReader, view_of: FindingView) -> tuple[SystemStatus, str]:
    look = take_look(queues, from_outside=True)
    findings = system_findings(look)
    found = system_status(look, findings)
    shown = findings[:_FINDINGS_SHOWN]
    known = look.broker_up and not look.reading.unknown
    status = SystemStatus(
        as_of=found["as_of"],
        healthy=found["healthy"],
        findings=[
            *(view_of(finding) for finding in shown[:_IN_FULL]),
            *(brief_view(finding) for finding in shown[_IN_FULL:]),
        ],
        findings_left_out=len(findings) - len(shown) or None,
        services={
            name: told.get("detail") if told["status"] == "ok" else told
            for name, told in found["services"].items()
        },
        runners=look.runners[:20],
        agents_alive=dict(sorted(Counter(a.row.agent_type for a in look.alive).items())),
        processes={name: process.state for name, process in look.programs.processes.items()},
        executions=_executions(found["executions"]),
        queues=queue_view(look.reading) if known else None,
        queues_unknown=queues_unknown(look),
    )
    return status, summary_of(findings)


def queues_unknown(look: Look) -> str | None:
    """Return why nobody knows what waits in the broker's queues; None where it is known."""
    if look.reading.unknown:
        return look.reading.unknown
    return None if look.broker_up else "the message broker does not answer"


def _executions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    unfinished = [row for row in rows if row["status"] not in TERMINAL][:_UNFINISHED_SHOWN]
    ended = [row for row in rows if row["status"] in TERMINAL][:_ENDED_SHOWN]
    return [given(**{name: row.get(name) for name in _OF_EXECUTIONS}) for row in unfinished + ended]
