"""Messages that were received from the broker."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import WorkflowMessage
from monitor.records.queries.cursors import encode_key
from monitor.records.queries.pages import window_of
from monitor.records.queries.selections import IN_EXECUTION
from monitor.web.flatten import MAX_LINES, flatten
from monitor.web.pages import page, show
from swf_common_lib.errors import NotFound


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
        "previous": _neighbour(found, earlier=True),
        "next": _neighbour(found, earlier=False),
    }
    return show(request, "message.html", context)


def _neighbour(found: WorkflowMessage, *, earlier: bool) -> WorkflowMessage | None:
    """Return the message of the same execution that was sent just before, or just after."""
    if not found.execution_id:
        return None
    rows = WorkflowMessage.objects.filter(execution_id=found.execution_id).defer("content")
    here = encode_key(found, IN_EXECUTION)
    return next(iter(window_of(rows, IN_EXECUTION, 1, here, backwards=earlier).items), None)
