"""Agents as a list shows them: those of now unless all are asked for, chosen by how they stand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from monitor.health.liveness import MONITOR_PARTS, Liveness, SeenAgent, agents_seen, is_current
from monitor.records.models import SystemAgent
from monitor.records.queries.selection import QueryParameter, Selection, choice, flag
from monitor.records.queries.selections import AGENTS

_EXITED = SystemAgent.OperationalState.EXITED


def agents_listed(*, gone: bool = False, parts: bool = False) -> Selection[SystemAgent]:
    """Return the selection of agents that are more than history.

    ``gone``: with those that ended, were replaced, or were not heard of for a day.
    ``parts``: with the parts of the monitor itself.
    """
    standing = choice("pk", [one.value for one in Liveness], "how it stands, by its heartbeats")
    states = AGENTS.parameters["operational_state"]
    return replace(
        AGENTS,
        name="agents" if gone else "current agents",
        rows=lambda: _agents(timezone.now(), gone=gone, parts=parts),
        parameters={
            **AGENTS.parameters,
            "operational_state": replace(states, condition=_is_in_state),
            "liveness": replace(standing, condition=_stands),
            "gone": _counts_already(flag("pk", "with those that ended or were replaced")),
        },
    )


def _agents(now: datetime, *, gone: bool, parts: bool) -> QuerySet[SystemAgent]:
    rows: QuerySet[SystemAgent] = SystemAgent.objects.all()
    if not gone:
        rows = rows.filter(is_current(now))
    if not parts:
        rows = rows.exclude(agent_type__in=MONITOR_PARTS)
    return rows


def _counts_already(parameter: QueryParameter) -> QueryParameter:
    """Return a parameter that the rows themselves follow."""
    return replace(parameter, condition=lambda _value: Q())


def _stands(wanted: Collection[str]) -> Q:
    """Return the condition for agents that stand in one of these ways."""
    seen = agents_seen(timezone.now(), everything=True)
    heard = Q(pk__in=_primary_keys(seen, {Liveness.ALIVE.value, Liveness.LATE.value}))
    condition = Q(pk__in=_primary_keys(seen, wanted))
    if Liveness.EXITED.value in wanted:
        condition |= Q(operational_state=_EXITED)
    if Liveness.SILENT.value in wanted:  # those too that nobody has heard of for longer
        condition |= ~heard & ~Q(operational_state=_EXITED)
    return condition


def _is_in_state(wanted: Collection[str]) -> Q:
    """Return the condition for agents in these states now: who is not alive is in none."""
    alive = _primary_keys(agents_seen(timezone.now(), everything=True), {Liveness.ALIVE.value})
    condition = Q(pk__in=alive, operational_state__in=wanted)
    return condition | Q(operational_state=_EXITED) if _EXITED in wanted else condition


def _primary_keys(seen: list[SeenAgent], wanted: Collection[str]) -> list[int]:
    return [agent.row.pk for agent in seen if agent.liveness.value in wanted]
