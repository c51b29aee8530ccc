"""Workflow definitions: read from ``workflows/<name>.py``, stored at their first use."""

from __future__ import annotations

import hashlib
import re
import symtable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils import timezone

from monitor.executions.git_source import source_of
from monitor.records.models import WorkflowDefinition
from swf_common_lib.config import did_you_mean, expand, list_configurations
from swf_common_lib.config.catalogue import default_configuration
from swf_common_lib.errors import ConfigurationError, NotFound

EXECUTOR = "WorkflowExecutor"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MARK = re.compile(rf"^class {EXECUTOR}\b", re.MULTILINE)
_ANY_NAMESPACE = "any"


@dataclass(frozen=True)
class WorkflowCode:
    """A workflow's code as its file has it now."""

    name: str
    text: str
    path: Path

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """Return the SHA-256 of code, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_workflow(name: str, workflows_dir: Path) -> WorkflowCode:
    """Read the code of a workflow.

    Raises NotFound, naming the nearest, when there is no such workflow; ConfigurationError when
    its file cannot be used.
    """
    path = workflows_dir / f"{name}.py"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise _unknown(name, workflows_dir)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path.name}: cannot be read: {error}"]) from error
    check_code(text, path.name)
    return WorkflowCode(name, text, path)


def check_code(text: str, label: str) -> None:
    """Raise ConfigurationError unless ``text`` is Python that defines a WorkflowExecutor."""
    # Not ast.parse: up to Python 3.12 it fails now and then when two threads use it at once.
    try:
        compile(text, label, "exec", dont_inherit=True)
        names = symtable.symtable(text, label, "exec")
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ConfigurationError([f"{label}{line}: not valid Python: {said}"]) from error
    assigned = {symbol.get_name() for symbol in names.get_symbols() if _is_bound(symbol)}
    if EXECUTOR not in assigned:
        raise ConfigurationError(
            [f"{label}: defines no class {EXECUTOR}"],
            f"A workflow is a class {EXECUTOR} with __init__(config, runner, execution_id) and "
            "a generator execute(env).",
        )


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def workflow_names(workflows_dir: Path) -> list[str]:
    """Return the names of the workflows in a folder."""
    return sorted(
        path.stem
        for path in workflows_dir.glob("*.py")
        if _NAME.fullmatch(path.stem)
        and _MARK.search(path.read_text(encoding="utf-8", errors="replace"))
    )


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


def _unknown(name: str, workflows_dir: Path) -> NotFound:
    names = workflow_names(workflows_dir)
    hint = f"The workflows are {', '.join(names)}." if names else "There are no workflows."
    meant = meant_by(name[:100], names, workflows_dir)
    return NotFound(f"there is no workflow {name[:100]!r}; {meant}", hint)


def meant_by(name: str, workflows: Iterable[str], workflows_dir: Path) -> str:
    """Return a hint on what an unknown workflow name may mean.

    The name of a configuration, with or without ``_default``, means that configuration, not a
    workflow with a similar name: `testbed run` takes it too.
    """
    for summary in list_configurations(workflows_dir):
        if summary.workflow_name and summary.name in (name, f"{name}_default"):
            return (
                f"{summary.name} is a configuration of {summary.workflow_name}: give it as config"
            )
    return did_you_mean(name, workflows)
