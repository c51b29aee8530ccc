"""Putting a diagnosis together."""

from __future__ import annotations

from typing import Any

from mcp_server.answers.results import Result
from mcp_server.application import Application
from mcp_server.views.executions import progress_view
from monitor.diagnosis.course import course_findings
from monitor.diagnosis.finding import Finding, by_severity
from monitor.diagnosis.queues import queue_findings, queue_view
from monitor.diagnosis.services import hanging_broker, service_findings
from monitor.diagnosis.work import agents_of, is_alive, work_findings
from monitor.executions.control import find
from monitor.records.models import AppLog, WorkflowExecution
from monitor.records.progress import is_finished, processing_finished, progress_of
from orchestrator.queue_depths import QueueReader, Reading
from swf_common_lib.errors import Unavailable
from swf_common_lib.text import given, instant, short

_ERROR = 40
_ERRORS_SHOWN = 5


class Diagnosis(Result):
    """Where an execution stands and what is wrong with it, the worst first."""

    execution_id: str
    status: str
    status_reason: str | None = None
    finished: bool | None = None
    processing_finished: bool | None = None
    findings: list[dict[str, Any]]
    progress: dict[str, Any] | None = None
    agents: list[dict[str, Any]] = []
    queues: dict[str, Any] = {}
    """Those of the broker that hold messages."""
    queues_unknown: str | None = None
    """Why the broker does not tell of its queues, and what to do about it."""
    error_logs: list[dict[str, Any]] = []


async def diagnose(application: Application, execution_id: str) -> Diagnosis:
    """Find out what is wrong with an execution. Raises NotFound that names the nearest ids."""
    try:
        return await application.database(_diagnosis, execution_id, application.queues)
    except Unavailable as error:
        down = Finding(
            "database_down",
            "error",
            f"{error.detail}; nothing can be said of executions meanwhile, and nothing of what "
            "runs is lost: runners and the broker keep what they have to say",
            "`testbed start-local` starts it, `testbed doctor` examines it; then ask again.",
        )
        return Diagnosis(execution_id=execution_id, status="unknown", findings=[down.view()])


def _diagnosis(execution_id: str, queues: QueueReader) -> Diagnosis:
    execution = find(execution_id)
    findings = list(service_findings())
    down = {finding.cause for finding in findings}
    reading = Reading() if "broker_down" in down else queues.read()
    findings += hanging_broker(reading)
    findings += course_findings(execution, reading)
    findings += work_findings(execution, "monitor_down" not in down, reading)
    explained = {program for finding in findings for program in finding.programs}
    findings += queue_findings(reading, explained)
    progress = progress_of([execution])[execution.execution_id]
    return Diagnosis(
        execution_id=execution.execution_id,
        status=execution.status,
        status_reason=execution.status_reason or None,
        finished=is_finished(execution),
        processing_finished=processing_finished(execution, progress),
        findings=[finding.view() for finding in by_severity(_once(findings))],
        progress=progress_view(progress),
        agents=[
            given(name=a.instance_name, type=a.agent_type, alive=is_alive(a), health=a.status)
            for a in agents_of(execution)[:12]
        ],
        queues=queue_view(reading),
        queues_unknown=reading.unknown or None,
        error_logs=_errors(execution),
    )


def summary_of(diagnosis: Diagnosis) -> str:
    """Give a diagnosis in a line: the worst of it, or why there is nothing to tell."""
    status = diagnosis.status
    head = f"{diagnosis.execution_id} is {status}"
    if diagnosis.findings:
        first = short(diagnosis.findings[0]["what"], 300)
        same = f"it is {status}"  # what the finding begins with is not said twice
        return head + first.removeprefix(same) if first.startswith(same) else f"{head}: {first}"
    if diagnosis.finished and diagnosis.processing_finished is False:
        return f"{head}, its run still in processing: nothing is found to hinder it so far"
    return f"{head}: nothing is wrong with it{'' if diagnosis.finished else ' so far'}"


def _once(findings: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def _errors(execution: WorkflowExecution) -> list[dict[str, Any]]:
    rows = AppLog.objects.filter(execution_id=execution.execution_id, level__gte=_ERROR)
    return [
        given(at=instant(row.timestamp), source=row.instance_name, message=short(row.message, 300))
        for row in rows.order_by("-id")[:_ERRORS_SHOWN]
    ]
