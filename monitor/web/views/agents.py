"""Pages of agents, and starting and stopping them."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from monitor.executions.agents import AgentsOnHost
from monitor.executions.requesters import Requester
from monitor.records.models import AppLog, SystemAgent, WorkflowMessage
from monitor.web.agents_news import agents_news
from monitor.web.flatten import flatten
from monitor.web.pages import page, show, signed_in, unknown
from swf_common_lib.errors import Conflict, TestbedError

RECENT = 20
WAITED = 1.0
"""Seconds that a page waits for an act on agents. What takes longer is told when it is done: a
start waits until agents listen, and asks this very process for that."""

logger = logging.getLogger(__name__)


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


@require_POST
@signed_in
def start_agents(request: HttpRequest) -> HttpResponseBase:
    """Start agents of this host, and go back to the page that asked for it."""
    return _act(request, restart=False)


@require_POST
@signed_in
def restart_agents(request: HttpRequest) -> HttpResponseBase:
    """Stop agents of this host and start them again, and go back to the page that asked for it."""
    return _act(request, restart=True)


def _act(request: HttpRequest, *, restart: bool) -> HttpResponseBase:
    """Begin an act; what is wrong at once is shown, what comes of it is in the history.

    Raises Conflict while another one is under way, NotFound for an unknown agent.
    """
    programs = [name for name in request.POST.get("programs", "").split(", ") if name]
    here = AgentsOnHost(settings.TESTBED, Requester(request.user.get_username(), "web"))
    here.check(programs)
    news = agents_news()
    if news is not None and news.becoming:
        raise Conflict(
            f"agents are being {news.becoming} already, as {news.event.actor} asked for",
            "Wait until that is done.",
        )
    act = threading.Thread(
        target=_carry_out, args=(here, programs, restart), name="agents", daemon=True
    )
    act.start()
    act.join(WAITED)
    return redirect(_page_before(request))


def _carry_out(here: AgentsOnHost, programs: list[str], restart: bool) -> None:
    """Start agents, with ``restart`` stop them first; the history says what came of it."""
    try:
        if restart:
            here.stop(programs)
        here.start(programs)
    except (TestbedError, DatabaseFailure) as error:
        logger.warning("%s: %s", ", ".join(programs) or "the agents", error)
    finally:
        connection.close()


def _page_before(request: HttpRequest) -> str:
    """Return the path of the page that asked; the dashboard's where that is not told."""
    path: str = request.POST.get("page", "")
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) else "/"
