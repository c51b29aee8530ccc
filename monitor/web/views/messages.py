"""Messages that were received from the broker."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import WorkflowMessage
from monitor.records.queries.cursors import beyond
from monitor.records.queries.selections import MESSAGES
from monitor.web.choices import agent_names, message_types, namespaces
from monitor.web.flatten import MAX_LINES, flatten
from monitor.web.listing import SINCE, Filter, show_list
from monitor.web.pages import page, show
from swf_common_lib.errors import NotFound

IN_EXECUTION = ("sent_at", "id")
"""The order of an execution's messages."""


@page
def messages(request: HttpRequest) -> HttpResponseBase:
    """List messages."""
    filters = [
        Filter("namespace", "Namespace", suggestions=namespaces()),
        Filter("execution_id", "Execution"),
        Filter("run_id", "Run"),
        Filter("sender_agent", "Sender", suggestions=agent_names()),
        Filter("message_type", "Type", suggestions=message_types()),
        SINCE,
    ]
    # The index that serves the messages of one execution has them in the order of sending.
    key = IN_EXECUTION if request.GET.get("execution_id") else ()
    return show_list(request, "messages.html", MESSAGES, filters, key=key)


@page
def message(request: HttpRequest, number: int) -> HttpResponseBase:
    """Show one message: every field, its content line by line, and as JSON."""
    found = WorkflowMessage.objects.filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise NotFound(f"There is no message {number}.", "Choose one from the list of messages.")
    lines = flatten(found.content)
    context = {
        "message": found,
        "lines": lines,
        "cut": len(lines) >= MAX_LINES,
        "previous": _neighbour(found, "lt"),
        "next": _neighbour(found, "gt"),
    }
    return show(request, "message.html", context)


def _neighbour(found: WorkflowMessage, comparison: str) -> WorkflowMessage | None:
    """Give the message of the same execution that was sent just before (lt) or after (gt)."""
    if not found.execution_id:
        return None
    sign = "-" if comparison == "lt" else ""
    neighbour: WorkflowMessage | None = (
        WorkflowMessage.objects.filter(execution_id=found.execution_id)
        .filter(beyond(IN_EXECUTION, [found.sent_at, found.pk], comparison))
        .defer("content")
        .order_by(*(f"{sign}{name}" for name in IN_EXECUTION))
        .first()
    )
    return neighbour
