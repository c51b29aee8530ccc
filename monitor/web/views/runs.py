"""Runs and where each stands."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import Run, RunState, SystemStateEvent, Worker
from monitor.records.queries.selections import RUN_STATES, RUNS
from monitor.web.backlog_chart import statistics_of
from monitor.web.choices import namespaces
from monitor.web.listing import Filter, show_list
from monitor.web.pages import page, show, unknown

EVENTS_SHOWN = 60


@page
def runs(request: HttpRequest) -> HttpResponseBase:
    """List runs with their states."""
    filters = [
        Filter("run_number", "Run"),
        Filter("execution_id", "Execution"),
        Filter("namespace", "Namespace", suggestions=namespaces()),
    ]

    def with_states(rows: list[Run]) -> dict[str, dict[int, RunState]]:
        return {"states": RunState.objects.in_bulk([row.run_number for row in rows])}

    return show_list(request, "runs.html", RUNS, filters, complete=with_states)


@page
def run_states(request: HttpRequest) -> HttpResponseBase:
    """List the states of runs."""
    filters = [
        Filter("run_number", "Run"),
        Filter("phase", "Phase"),
        Filter("execution_id", "Execution"),
    ]
    return show_list(request, "run_states.html", RUN_STATES, filters)


@page
def run(request: HttpRequest, run_number: int) -> HttpResponseBase:
    """Show one run: state, counts, statistics, workers, history."""
    known = run_number < 2**63
    found = Run.objects.filter(run_number=run_number).first() if known else None
    state = RunState.objects.filter(pk=run_number).first() if known else None
    if found is None and state is None:
        raise unknown("run", str(run_number), Run.objects.order_by("-run_number"), "run_number")
    workers = (
        Worker.objects.filter(run_number=run_number)
        .values_list("status")
        .annotate(Count("pk"))
        .order_by("status")
    )
    events = SystemStateEvent.objects.filter(run_number=run_number).order_by("-id")
    context = {
        "run_number": run_number,
        "run": found,
        "state": state,
        "execution_id": (state.execution_id if state else "")
        or (found.execution_id if found else ""),
        "workers": list(workers),
        "events": list(events[:EVENTS_SHOWN]),
        **statistics_of(run_number),
    }
    return show(request, "run.html", context)
