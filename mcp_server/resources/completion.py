"""Completion of names and ids in prompts and resource templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.db.models import Q

from mcp_server.answers.arguments import text_problem
from mcp_server.resources.documents import topics
from monitor.executions.workflow_code import workflow_names
from monitor.records.models import Namespace, WorkflowDefinition, WorkflowExecution
from swf_common_lib.settings import Settings

MOST = 100
"""Values that one answer may have (protocol)."""
_LONGEST = 250
_PERIODS = ("-1h", "-4h", "-8h", "-12h", "-1d", "-7d")

Found = tuple[list[str], int]
"""Values, and how many there are in all."""


def complete(settings: Settings, argument: str, begun: str) -> Found:
    """Return the values of ``argument`` that match what was typed, the best match first."""
    if len(begun) > _LONGEST or text_problem(begun):
        return [], 0
    if argument in ("execution_id", "first", "second"):
        return _executions(begun)
    source = _SOURCES.get(argument)
    if source is None:
        return [], 0
    fitting = _fitting(source(settings), begun)
    return fitting[:MOST], len(fitting)


def _executions(begun: str) -> Found:
    condition = Q(execution_id__istartswith=begun) | Q(execution_id__icontains=begun)
    rows = WorkflowExecution.objects.filter(condition) if begun else WorkflowExecution.objects.all()
    newest = rows.order_by("-created_at").values_list("execution_id", flat=True)
    return list(newest[:MOST]), rows.count()


def _workflows(settings: Settings) -> Iterable[str]:
    recorded = WorkflowDefinition.objects.values_list("workflow_name", flat=True).distinct()
    return {*workflow_names(settings.swf_home / "workflows"), *recorded}


def _namespaces(_settings: Settings) -> Iterable[str]:
    return list(Namespace.objects.values_list("name", flat=True))


def _fitting(values: Iterable[str], begun: str) -> list[str]:
    """Return the values that begin with what was typed, then those that contain it."""
    folded = begun.casefold()
    fitting = [value for value in values if folded in value.casefold()]
    return sorted(fitting, key=lambda value: (not value.casefold().startswith(folded), value))


_SOURCES: Mapping[str, Callable[[Settings], Iterable[str]]] = {
    "name": _workflows,
    "workflow": _workflows,
    "namespace": _namespaces,
    "topic": topics,
    "since": lambda _settings: _PERIODS,
}
