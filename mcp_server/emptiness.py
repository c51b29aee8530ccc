"""Why a list is empty: which filter names something that there is not, and what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from monitor.records.filtering import Selection
from monitor.records.models import (
    Namespace,
    Run,
    SystemAgent,
    WorkflowDefinition,
    WorkflowExecution,
)
from monitor.records.models.runs import Worker
from swf_common_lib.config import did_you_mean

_NEWEST = 300
"""Names that are looked through for the nearest."""


def why_empty(selection: Selection[Any], filters: Mapping[str, str]) -> str:
    """Say why no row was found, so that the next call can be right."""
    for name, value in filters.items():
        known = _KNOWN.get(name)
        if known is None:
            continue
        names = [str(one) for one in known()]
        unknown = [part.strip() for part in value.split(",") if part.strip() not in names]
        if unknown:
            return f"There is no {name} {unknown[0]!r}; {did_you_mean(unknown[0], names)}"
    if not filters:
        return f"There are no {selection.name} yet."
    if not selection.rows()[:1]:
        return f"There are no {selection.name} at all yet."
    return f"There are {selection.name}, but none fits all of these filters: leave one out."


def _namespaces() -> Iterable[Any]:
    named = Namespace.objects.order_by("-id").values_list("name", flat=True)[:_NEWEST]
    used = WorkflowExecution.objects.values_list("namespace", flat=True).distinct()[:_NEWEST]
    agents = SystemAgent.objects.values_list("namespace", flat=True).distinct()[:_NEWEST]
    return {*named, *used, *agents} - {""}


def _executions() -> Iterable[Any]:
    newest = WorkflowExecution.objects.order_by("-created_at")
    return list(newest.values_list("execution_id", flat=True)[:_NEWEST])


def _runs() -> Iterable[Any]:
    return list(Run.objects.order_by("-run_number").values_list("run_number", flat=True)[:_NEWEST])


def _agents() -> Iterable[Any]:
    return list(
        SystemAgent.objects.order_by("-id").values_list("instance_name", flat=True)[:_NEWEST]
    )


def _agent_types() -> Iterable[Any]:
    return list(SystemAgent.objects.values_list("agent_type", flat=True).distinct())


def _workflows() -> Iterable[Any]:
    return list(WorkflowDefinition.objects.values_list("workflow_name", flat=True).distinct())


def _users() -> Iterable[Any]:
    return list(WorkflowExecution.objects.values_list("executed_by", flat=True).distinct())


def _workers() -> Iterable[Any]:
    return list(Worker.objects.order_by("-worker_id").values_list("worker_id", flat=True)[:_NEWEST])


_KNOWN: Mapping[str, Callable[[], Iterable[Any]]] = {
    "namespace": _namespaces,
    "execution_id": _executions,
    "run_number": _runs,
    "run_id": _runs,
    "sender_agent": _agents,
    "instance_name": _agents,
    "agent_type": _agent_types,
    "workflow_name": _workflows,
    "executed_by": _users,
    "assigned_worker": _workers,
}
