"""Executions of workflows: what runs, what ran, and what may be done to one."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from monitor.diagnosis.system import diagnose
from monitor.executions import request_change
from monitor.executions.again import start_again
from monitor.executions.control import find
from monitor.health.wait_text import wait_text
from monitor.health.waiting import waiting_for
from monitor.records.models import (
    AppLog,
    SystemStateEvent,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.progress import progress_of
from monitor.records.states import ExecutionStatus
from monitor.web.agents_news import agents_news
from monitor.web.backlog_chart import statistics_of
from monitor.web.finding_list import FindingList
from monitor.web.flatten import flatten, highlight
from monitor.web.looks import looks_for
from monitor.web.pages import page, show, signed_in
from monitor.web.source_links import commit_url, source_url
from swf_common_lib.errors import NotFound, TestbedError

EVENTS_SHOWN = 60
ERRORS_SHOWN = 10
MESSAGES_LOOKED_AT = 5000
"""How many of an execution's newest messages are searched for its agents."""
CHANGES: dict[str, tuple[str, ...]] = {
    ExecutionStatus.PENDING: ("stop",),
    ExecutionStatus.RUNNING: ("pause", "stop"),
    ExecutionStatus.PAUSED: ("resume", "stop"),
}
"""The changes that may be requested in each status; none of a finished execution."""


@page
def execution(request: HttpRequest, execution_id: str) -> HttpResponseBase:
    """Show one execution."""
    return _detail(request, execution_id)


@require_POST
@signed_in
def change(request: HttpRequest, execution_id: str, change: str) -> HttpResponseBase:
    """Request a stop, pause or resume; an error is shown on the execution's page."""
    reason = request.POST.get("reason", "").strip()
    try:
        requested = request_change(
            execution_id, change, actor=request.user.get_username(), via="web", reason=reason
        )
    except NotFound:
        raise
    except TestbedError as error:
        return _detail(request, execution_id, error, reason)
    if requested.note:
        return _detail(request, execution_id, note=requested.note)
    return redirect("web:execution", execution_id)


@require_POST
@signed_in
def again(request: HttpRequest, execution_id: str) -> HttpResponseBase:
    """Start the same again and go to its page; an error is shown on the page of this one."""
    try:
        started = start_again(
            execution_id,
            executed_by=request.user.get_username(),
            through="web",
            namespace=request.POST.get("namespace", "").strip(),
            key=request.POST.get("key", ""),
        )
    except NotFound:
        raise
    except TestbedError as error:
        return _detail(request, execution_id, error)
    return redirect("web:execution", started.execution.execution_id)


def _detail(
    request: HttpRequest,
    execution_id: str,
    error: TestbedError | None = None,
    reason: str = "",
    note: str = "",
) -> HttpResponse:
    found = find(execution_id)
    events = SystemStateEvent.objects.filter(execution_id=execution_id).order_by("-id")
    diagnosis = diagnose(execution_id, looks_for(request).look())
    context: dict[str, Any] = {
        "execution": found,
        "findings": FindingList.of(diagnosis.findings),
        "news": agents_news(),
        "definition": found.workflow_definition,
        "waiting_for": wait_text(waiting_for(found)),
        "changes": CHANGES.get(found.status, ()),
        "reason": reason,
        "note": note,
        "elapsed": _elapsed(found),
        "progress": progress_of([found])[execution_id],
        "sections": found.parameter_values if isinstance(found.parameter_values, dict) else {},
        "environment": _lines(found.execution_environment),
        "metrics": _metrics(found),
        "events": list(events[:EVENTS_SHOWN]),
        "errors": AppLog.objects.filter(execution_id=execution_id, level__gte=40).order_by("-id")[
            :ERRORS_SHOWN
        ],
        "agents": _agents_of(execution_id),
        **statistics_of(found.run_number),
        "live_url": reverse("web:execution", args=[execution_id]),
        **_source(found),
    }
    return show(request, "execution.html", context, error=error)


def _metrics(found: WorkflowExecution) -> list[tuple[str, Any]]:
    metrics = found.performance_metrics
    if isinstance(metrics, dict) and found.run_number is not None:
        # The run's statistics, which the page shows in their present state.
        metrics = {name: value for name, value in metrics.items() if name != "slices"}
    return _lines(metrics)


def _lines(value: Any) -> list[tuple[str, Any]]:
    return flatten(value) if value else []


def _elapsed(found: WorkflowExecution) -> float | None:
    """Return the wall seconds that it ran, or has been running."""
    if found.start_time is None:
        return None
    return ((found.end_time or timezone.now()) - found.start_time).total_seconds()


def _source(found: WorkflowExecution) -> dict[str, Any]:
    defined = found.workflow_definition.source
    ran = found.source if isinstance(found.source, dict) else {}
    # The execution may name the repository itself; the definition's is that of its first use.
    source = {**(defined if isinstance(defined, dict) else {}), **ran}
    commit = str(ran.get("commit") or "")
    return {
        "source": source,
        "source_text": highlight(str(source["text"]), "python") if source.get("text") else "",
        "source_url": source_url(source, commit),
        "commit_url": commit_url(source, commit),
    }


def _agents_of(execution_id: str) -> list[dict[str, Any]]:
    """Return who sent messages of the execution: name, their number, and the last one's id."""
    newest = (
        WorkflowMessage.objects.filter(execution_id=execution_id)
        .order_by("-sent_at", "-id")
        .values("id")[:MESSAGES_LOOKED_AT]
    )
    rows = (
        WorkflowMessage.objects.filter(id__in=newest)
        .values("sender_agent")
        .annotate(messages=Count("id"), last_id=Max("id"), last_at=Max("sent_at"))
        .order_by("sender_agent")
    )
    return list(rows)
