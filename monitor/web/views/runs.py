"""Pages of runs and their states."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import Run, RunState, SystemStateEvent, Worker
from monitor.web.backlog_chart import statistics_of
from monitor.web.pages import page, show, unknown

EVENTS_SHOWN = 60


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
