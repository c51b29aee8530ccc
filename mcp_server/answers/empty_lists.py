"""Why a list is empty: which filter names something that does not exist, and what does exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db.models import Model

from monitor.executions.workflow_code import meant_by
from monitor.records.models import (
    Namespace,
    Run,
    SystemAgent,
    WorkflowDefinition,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.models.runs import Worker
from monitor.records.queries.selection import Selection
from swf_common_lib.config import did_you_mean
from swf_common_lib.messages import MESSAGE_TYPES

_NEWEST = 300
"""How many rows of a table are searched for the nearest name."""


@dataclass(frozen=True)
class _Names:
    """A column that has names of one kind."""

    model: type[Model]
    column: str
    order: str = "-pk"
    """Newest first."""

    def has(self, name: str) -> bool:
        """Return whether any row has the name."""
        try:
            return bool(self.model._default_manager.filter(**{self.column: name})[:1])
        except (ValueError, OverflowError):  # a text where the column has numbers
            return False

    def newest(self) -> set[str]:
        """Return the names that the newest rows have."""
        rows = self.model._default_manager.order_by(self.order)
        return {str(name) for name in rows.values_list(self.column, flat=True)[:_NEWEST]} - {""}


_EXECUTIONS = _Names(WorkflowExecution, "execution_id", "-created_at")
_RUNS = _Names(Run, "run_number", "-run_number")
_AGENTS = _Names(SystemAgent, "instance_name")
_KNOWN: Mapping[str, tuple[_Names, ...]] = MappingProxyType(
    {
        "namespace": (
            _Names(Namespace, "name"),
            _Names(WorkflowExecution, "namespace", "-created_at"),
            _Names(SystemAgent, "namespace"),
        ),
        "execution_id": (_EXECUTIONS,),
        "run_number": (_RUNS,),
        "run_id": (_RUNS,),
        "message_type": (_Names(WorkflowMessage, "message_type"),),
        "sender_agent": (_AGENTS, _Names(WorkflowMessage, "sender_agent")),
        "instance_name": (_AGENTS,),
        "agent_type": (_Names(SystemAgent, "agent_type"),),
        "workflow_name": (_Names(WorkflowDefinition, "workflow_name"),),
        "executed_by": (_Names(WorkflowExecution, "executed_by", "-created_at"),),
        "assigned_worker": (_Names(Worker, "worker_id", "-worker_id"),),
    }
)
_OWN: Mapping[str, Collection[str]] = MappingProxyType({"message_type": tuple(MESSAGE_TYPES)})
"""Names that exist even where no row has them yet."""


def why_empty(
    selection: Selection[Any], filters: Mapping[str, str], called: Mapping[str, str]
) -> str:
    """Return why no row was found, so that the next call can be right.

    ``called``: the caller's names for filters that have another name in the table.
    """
    for name, value in filters.items():
        unknown = _unknown(name, value)
        if unknown:
            known = set(chain(_OWN.get(name, ()), *(each.newest() for each in _KNOWN[name])))
            if name == "workflow_name":
                folder = settings.TESTBED.swf_home / "workflows"
                return f"There is no workflow {unknown!r}; {meant_by(unknown, known, folder)}"
            what = called.get(name, name)
            return f"There is no {what} {unknown!r}; {did_you_mean(unknown, known)}"
    if not filters:
        return f"There are no {selection.name} yet."
    if not selection.rows()[:1]:
        return f"There are no {selection.name} at all yet."
    if len(filters) == 1:
        return f"There are {selection.name}, but none of them fits this filter."
    return f"There are {selection.name}, but none fits all of these filters: leave one out."


def _unknown(name: str, value: str) -> str:
    """Return the first of a filter's values that no row has; an empty text if there is none."""
    if name not in _KNOWN:
        return ""
    for part in filter(None, (part.strip() for part in value.split(","))):
        known = part in _OWN.get(name, ()) or any(each.has(part) for each in _KNOWN[name])
        if not known:
            return part
    return ""
