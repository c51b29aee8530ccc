"""The first page: health, what runs, what ran, and the form that starts an execution."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST

from monitor.diagnosis.status import system_status
from monitor.diagnosis.system import unprocessed_executions
from monitor.executions import start
from monitor.health.liveness import Liveness
from monitor.records.models import WorkflowExecution
from monitor.records.progress import progress_of
from monitor.records.states import ACTIVE, ExecutionStatus
from monitor.web.agents_news import agents_news
from monitor.web.finding_list import FindingList
from monitor.web.looks import looks_for
from monitor.web.pages import page, show, signed_in
from monitor.web.start_form import StartForm, choices
from swf_common_lib.errors import TestbedError

LATEST = 10
UNFINISHED = 25


@page
def dashboard(request: HttpRequest) -> HttpResponseBase:
    """Show the dashboard."""
    return _dashboard(request, StartForm(config=request.GET.get("config", "")))


@require_POST
@signed_in
def start_execution(request: HttpRequest) -> HttpResponseBase:
    """Start an execution and go to its page; an error is shown beside the form."""
    form = StartForm.from_post(request.POST)
    try:
        begun = start(form.request(request.user.get_username()))
    except TestbedError as error:
        return _dashboard(request, form, error)
    return redirect("web:execution", begun.execution.execution_id)


def _dashboard(
    request: HttpRequest, form: StartForm, error: TestbedError | None = None
) -> HttpResponse:
    unfinished, finished = _unfinished(), list(_executions(end_time__isnull=False)[:LATEST])
    seen = looks_for(request).assessment()
    status = system_status(seen.look, seen.findings)
    context: dict[str, Any] = {
        "status": status,
        "as_of": seen.look.now,
        "findings": FindingList.of(seen.findings),
        "news": agents_news(),
        "agents": _by_type(status["agents"]),
        "waiting": {row["execution_id"]: row.get("waiting_for") for row in status["executions"]},
        "form": form,
        "choices": SimpleLazyObject(choices),  # files, which the live part does not show
        "unfinished": unfinished,
        "finished": finished,
        "progress": progress_of({row.pk: row for row in [*unfinished, *finished]}.values()),
        "live_url": reverse("web:dashboard"),
    }
    return show(request, "dashboard.html", context, error=error)


def _by_type(agents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each type how many agents live, what they are doing, and where."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for agent in agents:
        groups.setdefault(agent["agent_type"], []).append(agent)
    summaries = []
    for agent_type, members in sorted(groups.items()):
        alive = [agent for agent in members if agent["liveness"] == Liveness.ALIVE]
        summaries.append(
            {
                "agent_type": agent_type,
                "alive": len(alive),
                "others": sorted(Counter(a["liveness"] for a in members if a not in alive).items()),
                "states": sorted(Counter(agent["operational_state"] for agent in alive).items()),
                "namespaces": sorted({agent["namespace"] for agent in alive} - {""}),
            }
        )
    return summaries


def _unfinished() -> list[WorkflowExecution]:
    """Return the executions that wait or run, then those whose run is still in processing."""
    going = list(_executions(status__in=[ExecutionStatus.PENDING, *ACTIVE])[:UNFINISHED])
    ids = unprocessed_executions(timezone.now())
    over = _executions(pk__in=ids, end_time__isnull=False)[: UNFINISHED - len(going)]
    return [*going, *over]


def _executions(**conditions: Any) -> Any:
    return (
        WorkflowExecution.objects.filter(**conditions)
        .select_related("workflow_definition")
        .order_by("-created_at", "-execution_id")
    )
