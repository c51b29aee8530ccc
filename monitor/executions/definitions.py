"""Workflow definitions: made from a workflow's code, stored at their first use."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from monitor.executions.git_source import source_of
from monitor.executions.workflow_code import WorkflowCode
from monitor.records.models import WorkflowDefinition
from swf_common_lib.config import expand
from swf_common_lib.config.catalogue import default_configuration
from swf_common_lib.errors import ConfigurationError

_ANY_NAMESPACE = "any"


def definition_of(code: WorkflowCode, version: str, created_by: str) -> WorkflowDefinition:
    """Return the stored definition of that name and version, or else a new one, not yet stored.

    A definition is never modified: a stored one may have other code than ``code``. Raises
    ConfigurationError when the default configuration, which belongs to it, cannot be used.
    """
    kept = _find(code.name, version)
    if kept is not None:
        return kept
    source = source_of(code.path)
    return WorkflowDefinition(
        workflow_name=code.name,
        version=version,
        workflow_type=code.name,
        definition=code.text,
        digest=code.digest,
        parameter_values=default_values(code),
        created_by=created_by,
        created_at=timezone.now(),
        source={key: source[key] for key in _DEFINED if key in source},
    )


def keep_definition(definition: WorkflowDefinition) -> WorkflowDefinition:
    """Register a new definition, and return the one on record.

    It is another one where somebody else registered that version at this very moment.
    """
    WorkflowDefinition.objects.bulk_create([definition], ignore_conflicts=True)
    kept: WorkflowDefinition = WorkflowDefinition.objects.get(
        workflow_name=definition.workflow_name, version=definition.version
    )
    return kept


_DEFINED = ("org", "repo", "path", "branch")


def stored_definition(name: str, version: str | None) -> WorkflowDefinition | None:
    """Return a definition from the database: that version, or the one registered last."""
    if version:
        return _find(name, version)
    rows = WorkflowDefinition.objects.filter(workflow_name=name).order_by("-id")
    definition: WorkflowDefinition | None = rows.first()
    return definition


def default_values(code: WorkflowCode) -> dict[str, Any]:
    """Return the workflow's default configuration, a table a section; empty when it has none.

    Raises ConfigurationError when it has one that cannot be used.
    """
    try:
        config = default_configuration(code.name, code.path.parent, None)
    except ConfigurationError:
        return {}  # several configure it, and none of them is its default
    try:
        expanded = expand(
            config or None,
            workflow=code.name,
            workflows_dir=code.path.parent,
            testbed=None,
            namespace=_ANY_NAMESPACE,
        )
    except ConfigurationError as error:
        raise ConfigurationError(
            [f"the default configuration of {code.name}: {problem}" for problem in error.problems],
            f"It is kept with the code of {code.name} at its first start: correct it first.",
        ) from error
    return {name: table for name, table in expanded.sections.items() if name != "testbed"}


def _find(name: str, version: str) -> WorkflowDefinition | None:
    rows = WorkflowDefinition.objects.filter(workflow_name=name, version=version)
    definition: WorkflowDefinition | None = rows.first()
    return definition
