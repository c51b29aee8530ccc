"""What an assistant is told of what is wrong with an execution."""

from __future__ import annotations

from typing import Any

from anyio import to_thread

from mcp_server.answers.finding_texts import advice, sentence, view
from mcp_server.answers.results import Result
from mcp_server.application import Application
from mcp_server.views.executions import progress_view
from mcp_server.views.status import queues_unknown
from monitor.diagnosis.system import Diagnosis, diagnose
from monitor.health.liveness import SeenAgent, health_of
from monitor.health.look import Look, take_look
from monitor.health.queues import queue_view
from monitor.records.models import AppLog, WorkflowExecution
from monitor.records.progress import is_finished, processing_finished, progress_of
from orchestrator.process_health import findings_without_database
from orchestrator.queue_depths import QueueReader
from swf_common_lib.errors import Unavailable
from swf_common_lib.roles import RUNNER
from swf_common_lib.text import given, instant, short

_ERROR = 40
_ERRORS_SHOWN = 5
_AGENTS_SHOWN = 12


class DiagnosisView(Result):
    """Where an execution stands and what is wrong with it, the worst first."""

    execution_id: str
    as_of: str | None = None
    status: str
    status_reason: str | None = None
    finished: bool | None = None
    processing_finished: bool | None = None
    findings: list[dict[str, Any]]
    """What was found, the worst first, a symptom below its cause; and what to do next."""
    progress: dict[str, Any] | None = None
    agents: list[dict[str, Any]] = []
    """Of its namespace, runners left out; history left out."""
    queues: dict[str, Any] | None = None
    """Those of the broker that hold messages; absent where nobody knows."""
    queues_unknown: str | None = None
    """Why nobody knows what waits in the broker's queues, and what to do about it."""
    error_logs: list[dict[str, Any]] = []


async def diagnosis_of(application: Application, execution_id: str) -> tuple[DiagnosisView, str]:
    """Return what is wrong with an execution, and that in a line.

    Raises NotFound that names the nearest ids.
    """
    try:
        return await application.database(_diagnosis, execution_id, application.queues)
    except Unavailable as error:
        findings = await to_thread.run_sync(
            findings_without_database, application.settings, error.detail
        )
        told = DiagnosisView(
            execution_id=execution_id,
            status="unknown",
            findings=[view(finding) for finding in findings],
        )
        return told, f"{execution_id} is unknown: {sentence(findings[0])}"


def _diagnosis(execution_id: str, queues: QueueReader) -> tuple[DiagnosisView, str]:
    look = take_look(queues, from_outside=True)
    found = diagnose(execution_id, look)
    execution = found.seen.execution
    progress = progress_of([execution])[execution.execution_id]
    known = look.broker_up and not look.reading.unknown
    told = DiagnosisView(
        execution_id=execution.execution_id,
        as_of=instant(look.now),
        status=execution.status,
        status_reason=execution.status_reason or None,
        finished=is_finished(execution),
        processing_finished=processing_finished(execution, progress),
        findings=[view(finding) for finding in found.findings],
        progress=progress_view(progress),
        agents=[_agent(agent, look) for agent in _agents_of(execution, look)],
        queues=queue_view(look.reading) if known else None,
        queues_unknown=queues_unknown(look),
        error_logs=_errors(execution),
    )
    return told, _line(told, found)


def _line(told: DiagnosisView, found: Diagnosis) -> str:
    """Return a diagnosis in a line: the worst of it, or that nothing was found."""
    head = f"{told.execution_id} is {told.status}"
    if found.findings:
        first = found.findings[0]
        others = len(found.findings) - 1
        more = f" ({others} more)" if others else ""
        text = short(sentence(first), 260)
        if not text.startswith(head):  # else that is said already
            text = f"{head}: {text.removeprefix(told.execution_id).strip()}"
        return f"{text}. Next: {short(advice(first), 140)}{more}"
    if told.finished and told.processing_finished is False:
        return f"{head}, its run still in processing: nothing is found to hinder it so far"
    return f"{head}: nothing is wrong with it{'' if told.finished else ' so far'}"


def _agents_of(execution: WorkflowExecution, look: Look) -> list[SeenAgent]:
    here = [
        agent
        for agent in look.agents
        if agent.row.namespace == execution.namespace
        and agent.row.agent_type != RUNNER.agent_type
        and agent.current
    ]
    return here[:_AGENTS_SHOWN]


def _agent(agent: SeenAgent, look: Look) -> dict[str, Any]:
    return given(
        name=agent.name,
        type=agent.row.agent_type,
        liveness=agent.liveness.value,
        health=health_of(agent.row, look.now),
    )


def _errors(execution: WorkflowExecution) -> list[dict[str, Any]]:
    rows = AppLog.objects.filter(execution_id=execution.execution_id, level__gte=_ERROR)
    return [
        given(at=instant(row.timestamp), source=row.instance_name, message=short(row.message, 300))
        for row in rows.order_by("-id")[:_ERRORS_SHOWN]
    ]
