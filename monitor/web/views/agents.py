"""Agents and what they do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import AppLog, SystemAgent, WorkflowMessage
from monitor.records.queries.selections import AGENTS
from monitor.web.choices import namespaces
from monitor.web.flatten import flatten
from monitor.web.listing import Filter, show_list
from monitor.web.pages import page, show, unknown

RECENT = 20


@page
def agents(request: HttpRequest) -> HttpResponseBase:
    """List agents, those that came last first."""
    filters = [
        Filter("namespace", "Namespace", suggestions=namespaces()),
        Filter("agent_type", "Type"),
        Filter("operational_state", "State"),
        Filter("status", "Health"),
    ]
    return show_list(request, "agents.html", AGENTS, filters)


@page
def agent(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show one agent: its state, and what it said and logged last."""
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
