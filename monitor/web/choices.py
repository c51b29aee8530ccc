"""Values that filters and forms offer."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.records.models import Namespace, SystemAgent
from swf_common_lib.messages import MESSAGE_TYPES

_MOST = 200
"""Names offered at most; a filter takes others too."""


def namespaces() -> Iterable[str]:
    """Return the known namespaces, as a query that runs when the page needs it."""
    names: Iterable[str] = Namespace.objects.order_by("name").values_list("name", flat=True)[:_MOST]
    return names


def agent_names() -> Iterable[str]:
    """Return the names of the newest agents, as a query that runs when the page needs it."""
    newest = SystemAgent.objects.order_by("-id")
    names: Iterable[str] = newest.values_list("instance_name", flat=True)[:_MOST]
    return names


def message_types() -> Iterable[str]:
    """Return the message types that the testbed defines."""
    return list(MESSAGE_TYPES)
