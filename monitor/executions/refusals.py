"""Starts that were refused: the history says who tried what, and what was wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import Error as DatabaseFailure
from django.db import transaction
from django.utils import timezone

from monitor.executions.request import StartRequest
from monitor.records.database.notify import notify_changed
from monitor.records.models import SystemStateEvent
from monitor.records.transitions import record_event
from swf_common_lib.errors import ConfigurationError, TestbedError

START_REFUSED = "start_refused"
"""Type of the event."""
MOST_PROBLEMS = 20
LONGEST_PROBLEM = 500
COUNTED_WITHIN = timedelta(minutes=1)
"""The same refusal of the same user is one event that counts, until it has not come for so long."""

logger = logging.getLogger(__name__)


@contextmanager
def refusal_recorded(request: StartRequest) -> Generator[None, None, None]:
    """Record why a start is refused, whatever is raised in it; the error goes on."""
    try:
        yield
    except TestbedError as error:
        if error.http_status < 500:  # else it was not refused, it failed
            found = error.problems if isinstance(error, ConfigurationError) else [error.detail]
            record_refusal(request, found)
        raise


def record_refusal(request: StartRequest, problems: list[str]) -> None:
    """Record a refusal in a transaction of its own. One like it, just recorded, counts it."""
    found = [one[:LONGEST_PROBLEM] for one in problems[:MOST_PROBLEMS]]
    asked = {
        "workflow": (request.workflow or "")[:200],
        "config": (request.config or "")[:200],
        "namespace": request.namespace[:100],
        "problems": found,
    }
    try:
        with transaction.atomic():
            if not _counted(request, asked):
                record_event(
                    "",
                    START_REFUSED,
                    actor=request.executed_by,
                    via=request.through,
                    reason="; ".join(found),
                    data={**asked, "count": 1},
                )
    except DatabaseFailure:  # whoever asked has to read why it was refused
        logger.exception("the refused start of %s is not in the history", request.executed_by)


def _counted(request: StartRequest, asked: dict[str, Any]) -> bool:
    """Count the refusal in an event of the same user that says the same; return whether one did."""
    now = timezone.now()
    before = SystemStateEvent.objects.select_for_update().filter(
        event_type=START_REFUSED,
        actor=request.executed_by[:100],
        via=request.through[:20],
        timestamp__gte=now - COUNTED_WITHIN,
    )
    for event in before.order_by("-id")[:MOST_PROBLEMS]:
        count = event.event_data.get("count")
        if isinstance(count, int) and asked.items() <= event.event_data.items():
            event.event_data["count"] = count + 1
            event.timestamp = now
            event.save(update_fields=["event_data", "timestamp"])
            notify_changed([event.execution_id])
            return True
    return False
