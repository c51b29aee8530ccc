"""One configuration file with what it includes, merged, before anything overrides it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swf_common_lib.config.catalogue import check_config_name
from swf_common_lib.config.parameters import DAQ, FAST, INFRASTRUCTURE, PARAMETERS, STF
from swf_common_lib.config.testbed_file import value_problem
from swf_common_lib.config.toml_text import parse_toml, read_toml
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.suggestions import did_you_mean, nearest

_HEADER_TEXTS = ("name", "version", "description")
_CHECKED_SECTIONS = (DAQ, FAST, STF, INFRASTRUCTURE)
_MISSPELT = 0.8
"""A key this similar to a parameter of its section is a misspelling, not a user's own parameter."""


@dataclass
class MergedSections:
    """Sections of a file and its includes; ``origin`` names the file of every value."""

    header: dict[str, str] = field(default_factory=dict)
    """name, version and description of ``[workflow]``; an include's are not taken over."""
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    origin: dict[tuple[str, str], str] = field(default_factory=dict)
    own_sections: tuple[str, ...] = ()
    """The sections of the file itself, without its includes."""

    def overwrite(self, other: MergedSections) -> None:
        """Overwrite the sections with those of ``other``, key by key."""
        for name, table in other.sections.items():
            self.sections.setdefault(name, {}).update(table)
        self.origin.update(other.origin)


class ConfigurationReader:
    """Reads a configuration and its includes; ``problems`` collects every fault of them."""

    def __init__(self, workflows_dir: Path) -> None:
        self._dir = workflows_dir
        self._done: dict[str, MergedSections] = {}
        self.problems: list[str] = []
        self.incomplete = False
        """A file could not be read: what it would have held is not known."""

    def file(self, name: str) -> MergedSections:
        """Read the configuration ``name`` (without ``.toml``) of the folder."""
        return self._file(name, ())

    def text(self, text: str, label: str) -> MergedSections:
        """Read a configuration given as text; its includes are files of the folder."""
        return self._merge(self._parsed(text, label), label, (label,))

    def _file(self, name: str, chain: tuple[str, ...]) -> MergedSections:
        label = f"{name}.toml"
        if label not in self._done:
            try:
                data = read_toml(self._dir / label, label)
            except ConfigurationError as error:
                self.problems.extend(error.problems)
                self.incomplete = True
                data = {}
            self._done[label] = self._merge(data, label, (*chain, label))
        return self._done[label]

    def _parsed(self, text: str, label: str) -> dict[str, Any]:
        try:
            return parse_toml(text, label)
        except ConfigurationError as error:
            self.problems.extend(error.problems)
            self.incomplete = True
            return {}

    def _merge(self, data: dict[str, Any], label: str, chain: tuple[str, ...]) -> MergedSections:
        merged = MergedSections()
        header = data.get("workflow", {})
        if not isinstance(header, dict):
            self.problems.append(f"{label}: workflow = {header!r}: expected a table, [workflow]")
            header = {}
        for name in self._includes(header, label):
            included = f"{name}.toml"
            if included in chain:
                cycle = " includes ".join((*chain[chain.index(included) :], included))
                self.problems.append(f"{label}: [workflow] includes go in a circle: {cycle}")
                self.incomplete = True
            elif (self._dir / included).is_file():
                merged.overwrite(self._file(name, chain))
            else:
                self.incomplete = True
                known = [path.name for path in self._dir.glob("*.toml")]
                self.problems.append(
                    f"{label}: [workflow] includes {included}, which is not in {self._dir}; "
                    + did_you_mean(included, known)
                )
        merged.overwrite(self._own(data, label))
        merged.header = self._header(header, label)
        merged.own_sections = tuple(
            key for key, value in data.items() if key != "workflow" and isinstance(value, dict)
        )
        return merged

    def _header(self, raw: dict[str, Any], label: str) -> dict[str, str]:
        header: dict[str, str] = {}
        for key in _HEADER_TEXTS:
            value = raw.get(key, "")
            if isinstance(value, str):
                header[key] = value
            else:
                self.problems.append(
                    f"{label}: [workflow] {key} = {value!r}: expected text in quotes"
                )
        known = (*_HEADER_TEXTS, "includes")
        for key in raw:
            match = None if key in known else nearest(key, known, _MISSPELT)
            if match is not None:
                self.problems.append(f"{label}: [workflow] has no {key}; did you mean {match}?")
        return header

    def _includes(self, header: dict[str, Any], label: str) -> list[str]:
        raw = header.get("includes", [])
        if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
            self.problems.append(
                f"{label}: [workflow] includes = {raw!r}: expected a list of file names, "
                'such as ["daq_state_machine.toml"]'
            )
            return []
        names: list[str] = []
        for item in raw:
            try:
                names.append(check_config_name(item))
            except ConfigurationError as error:
                self.problems.append(f"{label}: [workflow] includes: {error.detail}. {error.hint}")
        return names

    def _own(self, data: dict[str, Any], label: str) -> MergedSections:
        own = MergedSections()
        for section, table in data.items():
            if section == "workflow":
                continue
            if not isinstance(table, dict):
                self.problems.append(
                    f"{label}: {section} = {table!r} stands outside every section; "
                    "put it under one, such as [fast_processing]"
                )
                continue
            own.sections[section] = dict(table)
            for key, value in table.items():
                own.origin[section, key] = label
                problem = value_problem(label, section, key, value) or _misspelt(
                    label, section, key
                )
                if problem:
                    self.problems.append(problem)
        return own


def _misspelt(label: str, section: str, key: str) -> str | None:
    if key in PARAMETERS or section not in _CHECKED_SECTIONS:
        return None
    known = [name for name, parameter in PARAMETERS.items() if section in parameter.sections]
    match = nearest(key, known, _MISSPELT)
    return match and f"{label}: [{section}] has no {key}; did you mean {match}?"
