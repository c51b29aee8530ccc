"""Pages of agents."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import AppLog, SystemAgent, WorkflowMessage
from monitor.web.flatten import flatten
from monitor.web.pages import page, show, unknown

RECENT = 20


@page
def agent(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show one agent: its state, its last messages and log records."""
    found = SystemAgent.objects.filter(instance_name=name).first()
    if found is None:
        raise unknown("agent", name, SystemAgent.objects.order_by("-id"), "instance_name")
    context = {
        "agent": found,
        "metadata": flatten(found.metadata) if found.metadata else [],
        "messages": WorkflowMessage.objects.filter(sender_agent=name)
        .defer("content")
        .order_by("-id")[:RECENT],
        "logs": AppLog.objects.filter(instance_name=name).order_by("-id")[:RECENT],
    }
    return show(request, "agent.html", context)
