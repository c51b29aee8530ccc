"""From a configuration's name to the complete, checked configuration of an execution."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from swf_common_lib.config.catalogue import (
    default_configuration,
    known_sections,
    resolve_config_name,
)
from swf_common_lib.config.overlay import Overlay
from swf_common_lib.config.reader import ConfigurationReader, MergedSections
from swf_common_lib.config.testbed_file import TestbedFile, namespace_problem
from swf_common_lib.errors import ConfigurationError

_NO_OVERRIDES: Mapping[str, Any] = MappingProxyType({})
_COMMAND = "command"


@dataclass(frozen=True)
class Expanded:
    """A complete configuration: what an execution's record keeps."""

    workflow_name: str
    version: str
    description: str
    config_name: str
    """The configuration it was made from, without ``.toml``."""
    sections: dict[str, dict[str, Any]]
    """A table a section, ``workflow`` and ``testbed`` (with the namespace) among them."""
    provenance: dict[str, str]
    """Where each value came from, by ``section.key``."""
    own_sections: tuple[str, ...] = ()
    """The sections that stand in the file itself, not in one that it includes."""
    file: str = ""
    """The name of its file, without ``.toml``; empty where there is none."""
    notes: list[str] = field(default_factory=list)
    """What was left aside and why; nothing that hinders."""


def expand(
    config: str | None,
    *,
    workflow: str | None,
    workflows_dir: Path,
    testbed: TestbedFile | None,
    namespace: str = "",
    overrides: Mapping[str, Any] = _NO_OVERRIDES,
    config_text: str | None = None,
) -> Expanded:
    """Expand a configuration: includes, the file, ``testbed.toml``, then ``overrides``.

    ``config`` is a name in ``workflows_dir``, with or without ``.toml``; None means the default
    configuration of ``workflow``. ``config_text`` replaces the file (``config`` is then only what
    to call it). ``namespace`` replaces that of ``testbed``. An override's key is a parameter's
    name, then it applies to every section that has it, or ``section.key``; a value of None
    counts as not given.

    Raises ConfigurationError with every problem found, in files and overrides alike.
    """
    problems: list[str] = []
    namespace_used = namespace or (testbed.namespace if testbed is not None else "")
    if problem := namespace_problem(namespace_used):
        problems.append(problem)
    try:
        name, label, merged, faults = _read(config, config_text, workflow, workflows_dir, testbed)
    except ConfigurationError as error:
        raise ConfigurationError([*problems, *error.problems], error.hint) from error
    problems.extend(faults)
    overlay = Overlay(merged, name or label)
    if testbed is not None:
        overlay.sections(testbed.sections, known_sections(workflows_dir), testbed.path.name)
        overlay.values(testbed.parameters, f"{testbed.path.name} [parameters]")
    overlay.values(overrides, _COMMAND)
    problems.extend(overlay.problems)
    workflow_name = workflow or merged.header.get("name", "")
    if not workflow_name:
        problems.append(f"{label}: [workflow] name is missing: the workflow that it configures")
    if problems:
        hint = "Nothing was started; correct this and try again."
        raise ConfigurationError(list(dict.fromkeys(problems)), hint)
    if (made_for := merged.header.get("name")) and made_for != workflow_name:
        overlay.notes.append(
            f"{label} is made for workflow {made_for}; here it configures {workflow_name}"
        )
    merged.origin["testbed", "namespace"] = (
        _COMMAND if namespace or testbed is None else testbed.path.name
    )
    return Expanded(
        workflow_name=workflow_name,
        version=merged.header.get("version") or "1.0",
        description=merged.header.get("description", ""),
        config_name=name or workflow_name,
        sections=_sections(merged, workflow_name, name or workflow_name, namespace_used),
        provenance={f"{s}.{key}": origin for (s, key), origin in merged.origin.items()},
        own_sections=merged.own_sections,
        file=name if config_text is None else "",
        notes=overlay.notes,
    )


def _read(
    config: str | None,
    config_text: str | None,
    workflow: str | None,
    workflows_dir: Path,
    testbed: TestbedFile | None,
) -> tuple[str, str, MergedSections, list[str]]:
    """Return the configuration's name, its label in errors, its merged content, its faults.

    Raises ConfigurationError when a part of it cannot be read at all.
    """
    reader = ConfigurationReader(workflows_dir)
    if config_text is not None:
        name = Path(config).stem if config else ""
        label = f"{name}.toml" if config else "the given configuration"
        merged = reader.text(config_text, label)
    else:
        name = (
            resolve_config_name(config, workflows_dir)
            if config
            else default_configuration(workflow, workflows_dir, testbed)
        )
        label = f"{name}.toml"
        merged = reader.file(name) if name else MergedSections()
    if reader.incomplete:
        raise ConfigurationError(reader.problems, f"Correct {label} and try again.")
    return name, label, copy.deepcopy(merged), reader.problems


def _sections(
    merged: MergedSections, workflow_name: str, config_name: str, namespace: str
) -> dict[str, dict[str, Any]]:
    header = {
        "name": workflow_name,
        "version": merged.header.get("version") or "1.0",
        "description": merged.header.get("description", ""),
        "config": config_name,
    }
    return {"workflow": header, **merged.sections, "testbed": {"namespace": namespace}}
