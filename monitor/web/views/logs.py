"""Log records."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.filters import LOGS
from monitor.web.choices import agent_names
from monitor.web.listing import SINCE, Filter, show_list
from monitor.web.pages import page

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@page
def logs(request: HttpRequest) -> HttpResponseBase:
    """List log records."""
    filters = [
        Filter("level", "Level, at least", choices=LEVELS),
        Filter("instance_name", "Instance", suggestions=agent_names()),
        Filter("execution_id", "Execution"),
        Filter("text", "Text"),
        SINCE,
    ]
    return show_list(request, "logs.html", LOGS, filters)
