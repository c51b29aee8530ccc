"""The configurations in a ``workflows/`` folder: by name, never by path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swf_common_lib.config.testbed_file import TestbedFile
from swf_common_lib.config.toml_text import read_toml
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.suggestions import did_you_mean, nearest

_NAME = re.compile(r"[A-Za-z0-9_-]+(\.toml)?")


@dataclass(frozen=True)
class ConfigurationSummary:
    """One configuration of the folder."""

    name: str
    """Its name, without ``.toml``."""
    workflow_name: str
    """The workflow that it configures; empty when the file is faulty."""
    version: str
    description: str
    sections: tuple[str, ...]
    """Its own sections, without those it includes."""
    problem: str = ""
    """Why the file cannot be used; empty for a good one."""
    unreadable: bool = False
    """It is no TOML; one without ``[workflow] name`` may be meant for ``includes`` alone."""


def list_configurations(workflows_dir: Path) -> list[ConfigurationSummary]:
    """Return the configurations of the folder by name, faulty ones with their ``problem``."""
    found = (_summary(path) for path in sorted(workflows_dir.glob("*.toml")))
    return [summary for summary in found if summary is not None]


def resolve_config_name(name: str, workflows_dir: Path) -> str:
    """Return the name, without ``.toml``, of the configuration that ``name`` means.

    ``fast_processing`` means ``fast_processing.toml``, else ``fast_processing_default.toml``.
    Raises ConfigurationError when it is no name (a path, say) or there is no such file.
    """
    stem = check_config_name(name)
    for candidate in (stem, f"{stem}_default"):
        if (workflows_dir / f"{candidate}.toml").is_file():
            return candidate
    names = _names(workflows_dir)
    match = nearest(stem, names)
    suggestion = f"; did you mean {match}?" if match else ""
    raise ConfigurationError(
        [f"there is no workflow configuration {name!r} in {workflows_dir}{suggestion}"],
        f"Known: {', '.join(names) or 'none'}.",
    )


def check_config_name(name: str) -> str:
    """Return ``name`` without ``.toml``; raises ConfigurationError when it is not a mere name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            [f"{name!r} is not the name of a configuration"],
            "A name has letters, digits, '_' and '-', with or without .toml; it is never a path.",
        )
    return name.removesuffix(".toml")


def default_configuration(
    workflow: str | None, workflows_dir: Path, testbed: TestbedFile | None
) -> str:
    """Return the configuration of a workflow that was named without one.

    It is ``testbed.toml``'s own when that is about this workflow (or no workflow is named), else
    ``<workflow>_default.toml`` or ``<workflow>.toml``, else the only one that configures it; empty
    for a workflow that has code but no configuration. Raises ConfigurationError when none of
    these leads to one.
    """
    default = testbed.workflow if testbed is not None else None
    if default is not None and default.config and workflow in (None, "", default.name):
        try:
            return resolve_config_name(default.config, workflows_dir)
        except ConfigurationError as error:
            where = f"{testbed.path if testbed else ''}: [workflow] config: "
            raise ConfigurationError([where + error.detail], error.hint) from error
    workflow = workflow or (default.name if default is not None else "")
    if not workflow:
        raise ConfigurationError(
            ["no workflow was named and testbed.toml names none"],
            f"Name one, or set [workflow] in testbed.toml. "
            f"Configurations: {', '.join(_names(workflows_dir)) or 'none'}.",
        )
    stem = check_config_name(workflow)
    for candidate in (f"{stem}_default", stem):
        if (workflows_dir / f"{candidate}.toml").is_file():
            return candidate
    summaries = list_configurations(workflows_dir)
    mine = [summary.name for summary in summaries if summary.workflow_name == stem]
    if len(mine) == 1:
        return mine[0]
    if mine:
        raise ConfigurationError(
            [f"workflow {workflow} has several configurations and none is its default"],
            f"Name one of: {', '.join(mine)}.",
        )
    if (workflows_dir / f"{stem}.py").is_file():
        return ""
    workflows = {summary.workflow_name for summary in summaries if summary.workflow_name}
    raise ConfigurationError(
        [f"there is no workflow {workflow!r}; {did_you_mean(stem, workflows)}"],
        f"Workflows: {', '.join(sorted(workflows)) or 'none'}. "
        f"Configurations: {', '.join(_names(workflows_dir)) or 'none'}.",
    )


def known_sections(workflows_dir: Path) -> dict[str, set[str]]:
    """Return every section that a configuration of the folder has, with its keys."""
    found: dict[str, set[str]] = {}
    for path in sorted(workflows_dir.glob("*.toml")):
        data = _read_or_none(path)
        if data is None or "testbed" in data:
            continue
        for name, table in data.items():
            if name != "workflow" and isinstance(table, dict):
                found.setdefault(name, set()).update(table)
    return found


def _names(workflows_dir: Path) -> list[str]:
    return [summary.name for summary in list_configurations(workflows_dir)]


def _read_or_none(path: Path) -> dict[str, Any] | None:
    try:
        return read_toml(path)
    except ConfigurationError:
        return None  # a user of this file gets the error; here it merely lists nothing


def _summary(path: Path) -> ConfigurationSummary | None:
    try:
        data = read_toml(path, path.name)
    except ConfigurationError as error:
        return ConfigurationSummary(path.stem, "", "", "", (), error.detail, True)
    if "testbed" in data:
        return None  # a testbed.toml kept beside the configurations
    table = data.get("workflow")
    header = table if isinstance(table, dict) else {}
    problem = "" if header.get("name") else f"{path.name}: [workflow] name is missing"
    return ConfigurationSummary(
        name=path.stem,
        workflow_name=str(header.get("name", "")),
        version=str(header.get("version", "")),
        description=str(header.get("description", "")),
        sections=tuple(
            name for name, value in data.items() if name != "workflow" and isinstance(value, dict)
        ),
        problem=problem,
    )
