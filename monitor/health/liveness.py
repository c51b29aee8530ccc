"""Whether agents live: one definition, for runners, agents and workers alike.

An agent sends heartbeats and may declare how many seconds apart; agents in the field declare
nothing and send one a minute. One is late when two heartbeats and a half are missing, silent when
five are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from monitor.records.models import SystemAgent
from swf_common_lib.roles import RUNNER
from swf_common_lib.states import Liveness as Liveness

ALIVE_FOR = 2.5
"""Heartbeat intervals after a heartbeat during which an agent counts as alive."""
LATE_FOR = 5.0
"""The same until it counts as silent."""
LONGEST_INTERVAL = 3600.0
"""Seconds: no agent may declare more."""
REMEMBERED = timedelta(hours=24)
"""An agent that was last heard of before that is history."""
MONITOR_PARTS = ("ingest", "sweeper")
"""Types of what is part of the monitor itself, and is no agent for who asks for agents."""
_EXITED = SystemAgent.OperationalState.EXITED
_UNKNOWN = SystemAgent.Status.UNKNOWN


def liveness_of(agent: SystemAgent, now: datetime) -> Liveness:
    """Return how an agent stands at a time."""
    if agent.operational_state == _EXITED:
        return Liveness.EXITED
    if agent.last_heartbeat is None:
        return Liveness.SILENT
    intervals = (now - agent.last_heartbeat).total_seconds() / agent.heartbeat_interval
    if intervals <= ALIVE_FOR:
        return Liveness.ALIVE
    return Liveness.LATE if intervals <= LATE_FOR else Liveness.SILENT


def health_of(agent: SystemAgent, now: datetime) -> str:
    """Return an agent's own word on its health, UNKNOWN when it is not alive to say it."""
    return str(agent.status if liveness_of(agent, now) is Liveness.ALIVE else _UNKNOWN)


@dataclass(frozen=True)
class SeenAgent:
    """An agent with how it stands."""

    row: SystemAgent
    liveness: Liveness
    age: float | None
    """Seconds since its last heartbeat; None: it never sent one."""
    replaced_by: str = ""
    """Agent of the same role, host and namespace that began after its last heartbeat."""

    @property
    def name(self) -> str:
        """Name of the agent."""
        return self.row.instance_name

    @property
    def alive(self) -> bool:
        """Whether it is alive."""
        return self.liveness is Liveness.ALIVE

    @property
    def silent(self) -> bool:
        """Whether nothing is heard of it any more, though it never said good-bye."""
        return self.liveness is Liveness.SILENT

    @property
    def exited(self) -> bool:
        """Whether it said good-bye."""
        return self.liveness is Liveness.EXITED

    @property
    def current(self) -> bool:
        """Whether it is more than history: it did not say good-bye, and nobody replaced it."""
        return not self.exited and not self.replaced_by


def agents_seen(now: datetime, *, everything: bool = False) -> list[SeenAgent]:
    """Return the agents that were heard of in the last 24 hours, by name, in one query.

    ``everything``: with the parts of the monitor itself.
    """
    rows = SystemAgent.objects.filter(last_heartbeat__gte=now - REMEMBERED)
    if not everything:
        rows = rows.exclude(agent_type__in=MONITOR_PARTS)
    return seen(rows.order_by("instance_name"), now)


def is_current(now: datetime) -> Q:
    """Return the condition that selects the agents of the last 24 hours that are ``current``."""
    since = now - REMEMBERED
    successors = SystemAgent.objects.filter(
        agent_type=OuterRef("agent_type"),
        namespace=OuterRef("namespace"),
        hostname=OuterRef("hostname"),
        first_seen__gt=Greatest(OuterRef("last_heartbeat"), OuterRef("first_seen")),
        last_heartbeat__gte=since,
    )
    return Q(last_heartbeat__gte=since) & ~Q(operational_state=_EXITED) & ~Q(Exists(successors))


def seen(rows: Iterable[SystemAgent], now: datetime) -> list[SeenAgent]:
    """Return each agent with how it stands, in the order of ``rows``."""
    agents = list(rows)
    newest: dict[tuple[str, str, str], SystemAgent] = {}
    for agent in agents:
        other = newest.get(_place(agent))
        if other is None or agent.first_seen > other.first_seen:
            newest[_place(agent)] = agent
    return [_seen(agent, newest[_place(agent)], now) for agent in agents]


def _seen(agent: SystemAgent, newest: SystemAgent, now: datetime) -> SeenAgent:
    heard = agent.last_heartbeat
    age = None if heard is None else max(0.0, (now - heard).total_seconds())
    replaced = newest.pk != agent.pk and (heard is None or newest.first_seen > heard)
    return SeenAgent(
        row=agent,
        liveness=liveness_of(agent, now),
        age=age,
        replaced_by=newest.instance_name if replaced else "",
    )


def _place(agent: SystemAgent) -> tuple[str, str, str]:
    return agent.agent_type, agent.namespace, agent.hostname


def live_agents(now: datetime | None = None) -> list[SystemAgent]:
    """Return the agents that are alive, runners included, parts of the monitor not."""
    moment = now or timezone.now()
    # No agent may declare a longer interval, so none that lives is left out.
    since = moment - timedelta(seconds=ALIVE_FOR * LONGEST_INTERVAL)
    rows = SystemAgent.objects.filter(last_heartbeat__gte=since)
    rows = rows.exclude(operational_state=_EXITED).exclude(agent_type__in=MONITOR_PARTS)
    return [a for a in rows.order_by("instance_name") if liveness_of(a, moment) is Liveness.ALIVE]


def live_runners(now: datetime | None = None) -> list[str]:
    """Return the names of the runners that are alive."""
    return [a.instance_name for a in live_agents(now) if a.agent_type == RUNNER.agent_type]
