"""Workers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.filters import WORKERS
from monitor.web.listing import Filter, show_list
from monitor.web.pages import page


@page
def workers(request: HttpRequest) -> HttpResponseBase:
    """List workers."""
    filters = [
        Filter("run_number", "Run"),
        Filter("status", "Status"),
    ]
    return show_list(request, "workers.html", WORKERS, filters)
