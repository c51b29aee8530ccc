"""How many agents there are of each type, and how they stand."""

from __future__ import annotations

from collections import Counter

from django.utils import timezone

from monitor.health.liveness import agents_seen
from swf_common_lib.roles import ROLES

OTHER = "other"
"""Agents of types that the testbed has no role for: anybody may register one of any name."""


def agents_by_liveness() -> Counter[tuple[str, str]]:
    """Return how many agents of each type are alive, late, silent or have exited."""
    return Counter(
        (agent.row.agent_type if agent.row.agent_type in ROLES else OTHER, agent.liveness.value)
        for agent in agents_seen(timezone.now())
    )
