"""How many agents there are of each type, and how they stand."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from django.utils import timezone

from monitor.executions.waiting import live_agents
from monitor.records.models import SystemAgent
from swf_common_lib.roles import ROLES

OTHER = "other"
"""Agents of types that the testbed has no role for: anybody may register one of any name."""
_SEEN_WITHIN = timedelta(hours=24)


def agents_by_liveness() -> Counter[tuple[str, str]]:
    """Return how many agents of each type are alive, silent or have exited."""
    seen = SystemAgent.objects.filter(last_heartbeat__gte=timezone.now() - _SEEN_WITHIN)
    alive = set(live_agents().values_list("pk", flat=True))
    counts: Counter[tuple[str, str]] = Counter()
    for key, agent_type, state in seen.values_list("pk", "agent_type", "operational_state"):
        ended = state == SystemAgent.OperationalState.EXITED
        liveness = "alive" if key in alive else "exited" if ended else "silent"
        counts[agent_type if agent_type in ROLES else OTHER, liveness] += 1
    return counts
