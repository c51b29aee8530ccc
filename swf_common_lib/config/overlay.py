"""Applying overrides to a configuration: every name must be one that a section knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swf_common_lib.config.parameters import PARAMETERS, SECTIONS, Parameter
from swf_common_lib.config.reader import MergedSections
from swf_common_lib.config.toml_text import storable
from swf_common_lib.suggestions import did_you_mean


class Overlay:
    """Sets values in ``merged`` and collects what is wrong (``problems``) or unused (``notes``)."""

    def __init__(self, merged: MergedSections, config_name: str) -> None:
        self._merged = merged
        self._sections = merged.sections
        self._config_name = config_name
        self.problems: list[str] = []
        self.notes: list[str] = []

    def sections(
        self, tables: Mapping[str, Mapping[str, Any]], known: Mapping[str, set[str]], label: str
    ) -> None:
        """Apply whole sections of a file; ``known``: the keys of the folder's sections.

        A section that only other configurations have is checked and then ignored.
        """
        for section, table in tables.items():
            where = f"{label}: [{section}]"
            if section not in self._sections and section not in known and section not in SECTIONS:
                names = {*self._sections, *known, *SECTIONS}
                self.problems.append(
                    f"{where} is not a section of any configuration; {did_you_mean(section, names)}"
                )
                continue
            used = section in self._sections
            if table and not used:
                self.notes.append(f"{where} is not used: {self._config_name} has no such section")
            for key, value in table.items():
                self._in_section(section, key, value, where, known.get(section, set()), used)

    def values(self, values: Mapping[str, Any], origin: str) -> None:
        """Apply parameters by name or as ``section.key``; ``origin`` is for the record."""
        for key, value in values.items():
            if not isinstance(key, str):
                self.problems.append(f"{origin}: {key!r} is not the name of a parameter")
            elif value is None:
                continue
            elif isinstance(value, Mapping) and key in self._sections:
                for inner, inner_value in value.items():
                    self._in_section(key, str(inner), inner_value, origin, set(), True)
            elif "." in key:
                section, _, inner = key.partition(".")
                self._qualified(section, inner, value, origin)
            else:
                self._bare(key, value, origin)

    def _qualified(self, section: str, key: str, value: Any, origin: str) -> None:
        if section in self._sections:
            self._in_section(section, key, value, origin, set(), True)
            return
        self.problems.append(
            f"{origin}: {section}.{key}: {self._config_name} has no section {section}; "
            + did_you_mean(section, self._sections)
        )

    def _in_section(
        self, section: str, key: str, value: Any, where: str, known: set[str], apply: bool
    ) -> None:
        table = self._sections.get(section, {})
        parameter = PARAMETERS.get(key)
        at_home = parameter is not None and section in parameter.sections
        if key not in table and key not in known and not at_home:
            names = {*table, *known, *_names_of(section)}
            text = f"{where}: {key} is not a parameter of section {section}; "
            if parameter is not None:
                text += f"it belongs to [{parameter.section}]"
            else:
                text += did_you_mean(key, names)
            self.problems.append(text)
        elif self._checked(key, value, f"{where} {key}", table.get(key)) and apply:
            self._set(section, key, value, where)

    def _bare(self, name: str, value: Any, origin: str) -> None:
        holders = [section for section, table in self._sections.items() if name in table]
        if holders:
            for section in holders:
                current = self._sections[section][name]
                if self._checked(name, value, f"{origin}: {name}", current):
                    self._set(section, name, value, origin)
            return
        parameter = PARAMETERS.get(name)
        if parameter is None:
            self.problems.append(
                f"{origin}: {name} is not a parameter of {self._config_name}; "
                + did_you_mean(name, self._names())
            )
            return
        if not self._checked(name, value, f"{origin}: {name}", None):
            return
        if not self._under_other_name(parameter, value, origin):
            self._placed(parameter, value, origin)

    def _under_other_name(self, parameter: Parameter, value: float, origin: str) -> bool:
        """Set the older (or the present) name of ``parameter`` where a section has that."""
        for other in PARAMETERS.values():
            if other.legacy_of == parameter.name:
                converted = value / other.factor
            elif other.name == parameter.legacy_of:
                converted = value * parameter.factor
            else:
                continue
            if other.kind is int:
                converted = int(converted)
            holders = [section for section, table in self._sections.items() if other.name in table]
            for section in holders:
                self._set(section, other.name, converted, f"{origin} ({parameter.name})")
            if holders:
                return True
        return False

    def _placed(self, parameter: Parameter, value: Any, origin: str) -> None:
        """Put a parameter that no section holds into the most specific one where it has effect."""
        own = [s for s in SECTIONS if s in self._merged.own_sections and s in parameter.sections]
        every = [s for s in SECTIONS if s in self._sections and s in parameter.sections]
        if not every:
            self.problems.append(
                f"{origin}: {parameter.name} belongs to [{parameter.section}], "
                f"which {self._config_name} does not have"
            )
            return
        section = parameter.section if parameter.section in own else (own or every)[0]
        self._set(section, parameter.name, value, origin)

    def _checked(self, name: str, value: Any, where: str, current: Any) -> bool:
        parameter = PARAMETERS.get(name)
        if parameter is not None:
            good, expected = parameter.accepts(value), parameter.expected
        else:
            kind = None if current is None else _kind(current)
            good = storable(value) and kind in (None, _kind(value))
            expected = kind or "text, a finite number, true, false, or a list or table of them"
        if not good:
            self.problems.append(f"{where} = {value!r}: expected {expected}")
        return good

    def _set(self, section: str, key: str, value: Any, origin: str) -> None:
        self._sections[section][key] = value
        self._merged.origin[section, key] = origin

    def _names(self) -> set[str]:
        """Return every name that would be accepted here."""
        names = {key for table in self._sections.values() for key in table}
        return names.union(*(_names_of(section) for section in self._sections))


def _names_of(section: str) -> set[str]:
    return {name for name, parameter in PARAMETERS.items() if section in parameter.sections}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a table" if isinstance(value, Mapping) else "a list"
