"""What an assistant sees of workflows and configurations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from mcp_server.results import Result
from monitor.executions.definitions import read_workflow, workflow_names
from monitor.records.models import WorkflowDefinition
from swf_common_lib.config import (
    PARAMETERS,
    ConfigurationSummary,
    expand,
    list_configurations,
    load_testbed_file,
)
from swf_common_lib.errors import ConfigurationError, InvalidRequest, NotFound
from swf_common_lib.settings import Settings


class ConfigurationItem(Result):
    """One configuration of a workflow."""

    config: str
    description: str | None = None
    version: str | None = None
    sections: list[str]
    problem: str | None = None


class VersionItem(Result):
    """A version of a workflow that was executed before."""

    version: str
    created_by: str
    created_at: datetime


class DefinitionItem(Result):
    """One workflow."""

    workflow: str
    is_default: bool
    configurations: list[ConfigurationItem]
    recorded_versions: list[VersionItem]


class DefinitionList(Result):
    """Workflows by name."""

    items: list[DefinitionItem]
    total: int
    next_cursor: str | None = None
    applied_filters: dict[str, str]


class Value(Result):
    """One value of a resolved configuration."""

    value: Any
    source: str
    unit: str | None = None
    doc: str | None = None


class Validation(Result):
    """What is wrong with a configuration, or all that it says."""

    ok: bool
    problems: list[str]
    hint: str | None = None
    workflow: str | None = None
    config: str | None = None
    namespace: str | None = None
    notes: list[str] = []
    parameters: dict[str, Value] = {}


def definitions(settings: Settings, name: str, limit: int, cursor: str) -> DefinitionList:
    """Give the workflows of the installation and those that the database knows."""
    if cursor and not (cursor.isascii() and cursor.isdigit()):
        raise InvalidRequest(f"cursor {cursor!r} is not one of this list", "Leave it out.")
    configurations = list_configurations(_workflows(settings))
    recorded = WorkflowDefinition.objects.only(
        "workflow_name", "version", "created_by", "created_at"
    ).order_by("-id")
    names = {c.workflow_name for c in configurations if c.workflow_name}
    names.update(workflow_names(_workflows(settings)))
    names.update(definition.workflow_name for definition in recorded)
    wanted = sorted(n for n in names if name in ("", n))
    begin = int(cursor or 0)
    shown = wanted[begin : begin + limit]
    return DefinitionList(
        items=[
            DefinitionItem(
                workflow=workflow,
                is_default=workflow == _default(settings),
                configurations=[
                    _configuration(c) for c in configurations if c.workflow_name == workflow
                ],
                recorded_versions=[
                    VersionItem(version=d.version, created_by=d.created_by, created_at=d.created_at)
                    for d in recorded
                    if d.workflow_name == workflow
                ],
            )
            for workflow in shown
        ],
        total=len(wanted),
        next_cursor=str(begin + limit) if begin + limit < len(wanted) else None,
        applied_filters={"workflow_name": name} if name else {},
    )


def validated(
    settings: Settings, workflow: str, config: str, namespace: str, overrides: Mapping[str, Any]
) -> Validation:
    """Expand a configuration as a start would, and give the result or every fault."""
    path = settings.swf_testbed_config
    try:
        if workflow:
            read_workflow(workflow, _workflows(settings))
        expanded = expand(
            config or None,
            workflow=workflow or None,
            workflows_dir=_workflows(settings),
            testbed=load_testbed_file(path) if path.is_file() else None,
            namespace=namespace,
            overrides=overrides,
        )
        read_workflow(expanded.workflow_name, _workflows(settings))
    except ConfigurationError as error:
        return Validation(ok=False, problems=error.problems, hint=error.hint or None)
    except NotFound as error:
        return Validation(ok=False, problems=[error.detail], hint=error.hint or None)
    return Validation(
        ok=True,
        problems=[],
        workflow=expanded.workflow_name,
        config=expanded.config_name,
        namespace=expanded.sections["testbed"]["namespace"],
        notes=expanded.notes,
        parameters={
            f"{section}.{key}": _value(key, value, expanded.provenance[f"{section}.{key}"])
            for section, table in expanded.sections.items()
            if section not in ("workflow", "testbed")
            for key, value in table.items()
        },
    )


def _workflows(settings: Settings) -> Path:
    return settings.swf_home / "workflows"


def _default(settings: Settings) -> str:
    try:
        return load_testbed_file(settings.swf_testbed_config).workflow.name
    except ConfigurationError:
        return ""  # told by validate_workflow_config and start_workflow


def _configuration(summary: ConfigurationSummary) -> ConfigurationItem:
    return ConfigurationItem(
        config=summary.name,
        description=summary.description or None,
        version=summary.version or None,
        sections=list(summary.sections),
        problem=summary.problem or None,
    )


def _value(key: str, value: Any, source: str) -> Value:
    parameter = PARAMETERS.get(key)
    if parameter is None:
        return Value(value=value, source=source)
    return Value(value=value, source=source, unit=parameter.unit or None, doc=parameter.doc)
