"""What differs between two executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_server.answers.results import Result
from mcp_server.views.executions import progress_view, statistics_of
from monitor.executions.control import find
from monitor.records.models import WorkflowExecution
from monitor.records.progress import progress_of
from swf_common_lib.text import given, rounded

_SOURCE = ("commit", "branch", "tag", "dirty", "digest", "modified")
_MEASURED = ("simulated_seconds", "messages_sent", "message_rate", "stf_rate", "first_broadcast_ms")

Pair = dict[str, Any]


class Comparison(Result):
    """Each difference as ``name: {a, b}``; what is the same on both sides is left out."""

    a: str
    b: str
    differences: dict[str, dict[str, Pair]]
    """By subject: outcome, configuration, source, counts, timings."""
    summary: str


def compare(first_id: str, second_id: str) -> Comparison:
    """Compare two executions; raise NotFound for an unknown one."""
    first, second = find(first_id), find(second_id)
    progress = progress_of([first, second])
    counts = [progress_view(progress[one.execution_id]) for one in (first, second)]
    parts = {
        "outcome": _differences(_outcome(first), _outcome(second)),
        "configuration": _differences(_flat(_sections(first)), _flat(_sections(second))),
        "source": _differences(_source(first), _source(second)),
        "counts": _differences(*counts),
        "timings": _differences(_timings(first), _timings(second)),
    }
    told = [f"{len(found)} of {name}" for name, found in parts.items() if found]
    return Comparison(
        a=first.execution_id,
        b=second.execution_id,
        summary=f"differences: {', '.join(told)}" if told else "they do not differ",
        differences={name: found for name, found in parts.items() if found},
    )


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Pair]:
    names = [*first, *(name for name in second if name not in first)]
    return {
        name: {"a": first.get(name), "b": second.get(name)}
        for name in names
        if first.get(name) != second.get(name)
    }


def _outcome(execution: WorkflowExecution) -> Pair:
    return given(
        status=execution.status,
        status_reason=execution.status_reason,
        error=execution.error_message,
        workflow=execution.workflow_name,
        version=execution.workflow_definition.version,
        namespace=execution.namespace,
        executed_by=execution.executed_by,
    )


def _sections(execution: WorkflowExecution) -> Pair:
    values = execution.parameter_values
    sections = values if isinstance(values, dict) else {}
    return {**sections, "options": execution.options}


def _flat(value: Any, prefix: str = "") -> Pair:
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: part
        for key, inner in value.items()
        for name, part in _flat(inner, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _source(execution: WorkflowExecution) -> Pair:
    source = execution.source if isinstance(execution.source, dict) else {}
    return {name: source[name] for name in _SOURCE if name in source}


def _timings(execution: WorkflowExecution) -> Pair:
    metrics = execution.performance_metrics
    measured = {name: metrics[name] for name in _MEASURED if name in metrics}
    statistics = statistics_of(execution.run_number) or {}
    return {
        "wall_seconds": rounded(execution.duration_seconds, 3),
        **measured,
        **{
            f"slices.{name}": statistics[name]
            for name in (
                "waiting_seconds",
                "processing_seconds",
                "late_slices",
                "backlog_slices",
                "backlog_growth_slices_per_s",
                "workers_to_keep_up",
                "enough_workers",
                "keeps_up",
            )
            if name in statistics
        },
    }
