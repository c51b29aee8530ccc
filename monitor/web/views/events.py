"""The history of runs and executions."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.filters import EVENTS
from monitor.web.listing import SINCE, Filter, show_list
from monitor.web.pages import page


@page
def events(request: HttpRequest) -> HttpResponseBase:
    """List events."""
    filters = [
        Filter("run_number", "Run"),
        Filter("execution_id", "Execution"),
        Filter("event_type", "Type"),
        SINCE,
    ]
    return show_list(request, "events.html", EVENTS, filters)
