"""Starting the same again: what the record of an execution says, whatever the files say now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.executions.control import find
from monitor.executions.plan import configuration_text
from monitor.executions.request import StartRequest
from monitor.executions.start import Started, start
from monitor.records.models import WorkflowExecution
from swf_common_lib.errors import InvalidRequest

_OF_THE_START = ("workflow", "testbed")
"""Sections that say what was started and where; the others are its parameters."""
_KEY = 36


def start_again(
    execution_id: str, *, executed_by: str, through: str, namespace: str = "", key: str = ""
) -> Started:
    """Start an execution with configuration, namespace and pace of another one.

    Its workflow's code is the present one: it may have been corrected meanwhile. ``namespace``
    replaces that of the record; with the same ``key`` it is started once. Raises NotFound for an
    unknown execution, InvalidRequest for one whose record holds no configuration, and what
    ``start`` raises.
    """
    found = find(execution_id)
    sections = _sections(found)
    header = sections.get("workflow", {})
    speed, duration = found.options.get("speed"), found.options.get("duration")
    return start(
        StartRequest(
            workflow=found.workflow_name,
            config=str(header.get("config") or found.workflow_name),
            config_text=configuration_text(sections),
            # Said once more as overrides: so testbed.toml, which may be another now, counts less.
            parameters=_parameters(sections),
            namespace=namespace or found.namespace,
            speed=float(speed) if isinstance(speed, int | float) else None,
            duration=float(duration) if isinstance(duration, int | float) else 0.0,
            executed_by=executed_by,
            through=through,
            idempotency_key=f"again {key[:_KEY]}" if key else None,
        )
    )


def _sections(found: WorkflowExecution) -> Mapping[str, Any]:
    values = found.parameter_values
    if not isinstance(values, dict) or not values:
        raise InvalidRequest(
            f"the record of {found.execution_id} holds no configuration",
            "Start its workflow with the form on the dashboard.",
        )
    return values


def _parameters(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in table.items() if value is not None}
        for name, table in sections.items()
        if isinstance(table, dict) and name not in _OF_THE_START
    }
