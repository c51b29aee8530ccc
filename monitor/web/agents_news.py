"""What became of the latest start or stop of agents, as the history tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from monitor.records.models import SystemStateEvent
from swf_common_lib.states import AgentsEvent

UNDER_WAY = timedelta(minutes=2)
"""An act that has no outcome after so long will have none: who did it is gone."""
TOLD_FOR = timedelta(minutes=10)
"""How long an act that went wrong is told of."""
_REQUESTS = {AgentsEvent.START_REQUESTED: "started", AgentsEvent.STOP_REQUESTED: "stopped"}
_FAILURES = {AgentsEvent.START_FAILED: "start", AgentsEvent.STOP_FAILED: "stop"}


@dataclass(frozen=True)
class AgentsNews:
    """A start or stop of agents that is under way, or went wrong."""

    event: SystemStateEvent
    becoming: str = ""
    """What the agents are being: ``started`` or ``stopped``; empty for what went wrong."""
    failed: str = ""
    """What went wrong: a ``start`` or a ``stop``; empty for what is under way."""

    @property
    def reason(self) -> str:
        """Which agents; and what was wrong."""
        return str(self.event.event_data.get("reason", ""))


def agents_news(now: datetime | None = None) -> AgentsNews | None:
    """Return the latest act while it is under way, or when it went wrong lately; else None."""
    moment = now or timezone.now()
    acts = SystemStateEvent.objects.filter(
        event_type__in=[event.value for event in AgentsEvent], timestamp__gte=moment - TOLD_FOR
    )
    last = acts.order_by("-id").first()
    if last is None:
        return None
    kind = AgentsEvent(last.event_type)
    if kind in _REQUESTS and moment - last.timestamp < UNDER_WAY:
        return AgentsNews(last, becoming=_REQUESTS[kind])
    return AgentsNews(last, failed=_FAILURES[kind]) if kind in _FAILURES else None
