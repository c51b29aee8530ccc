"""Values that filters and forms offer."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.records.models import Namespace, SystemAgent
from swf_common_lib.messages import MESSAGE_TYPES

_MOST = 200
"""Names offered at most; a filter takes others too."""


def namespaces() -> Iterable[str]:
    """Give the known namespaces, when they are asked for."""
    names: Iterable[str] = Namespace.objects.order_by("name").values_list("name", flat=True)[:_MOST]
    return names


def agent_names() -> Iterable[str]:
    """Give the agents that were seen last, when they are asked for."""
    newest = SystemAgent.objects.order_by("-id")
    names: Iterable[str] = newest.values_list("instance_name", flat=True)[:_MOST]
    return names


def message_types() -> Iterable[str]:
    """Give the message types of the testbed's own."""
    return list(MESSAGE_TYPES)
