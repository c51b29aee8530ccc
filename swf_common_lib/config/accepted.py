"""Which parameters a start with a configuration accepts, and the value that each would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from swf_common_lib.config.expansion import Expanded
from swf_common_lib.config.overlay import Overlay
from swf_common_lib.config.parameters import (
    DAQ,
    FAST,
    INFRASTRUCTURE,
    LEGACY,
    PARAMETERS,
    SECTIONS,
    STF,
    Parameter,
)
from swf_common_lib.config.reader import MergedSections
from swf_common_lib.config.views import FastProcessing, data_taking, fast_processing

_OF_FAST_PROCESSING = {field.name for field in fields(FastProcessing)}
_READ_LAST = (STF, FAST, *(name for name in reversed(SECTIONS) if name not in (STF, FAST)))
"""The testbed's sections; a value in an earlier one wins."""
_READ_ELSEWHERE = {"slice_failure_rate": (LEGACY, FAST), "stf_processing_time": (STF,)}
_NOT_PARAMETERS = ("workflow", "testbed")


@dataclass(frozen=True)
class AcceptedParameter:
    """A parameter that a start accepts."""

    name: str
    """What an override calls it: its name, or ``section.name`` where several have that."""
    section: str
    """Where its value stands, or would be put."""
    value: Any
    """What it is without an override; None: it has no value then."""
    known: Parameter | None = None
    """None for a parameter of the workflow's own."""
    older_name: str = ""
    """Another name by which it is accepted, that of the older form."""


def accepted_parameters(expanded: Expanded) -> list[AcceptedParameter]:
    """Return every parameter that an override of this configuration may name, each once."""
    tables = {s: t for s, t in expanded.sections.items() if s not in _NOT_PARAMETERS}
    found = [*_known(tables, expanded), *_own(tables)]
    times = Counter(one.name for one in found)
    return [
        one if times[one.name] == 1 and "." not in one.name else _qualified(one) for one in found
    ]


def _known(tables: Mapping[str, Any], expanded: Expanded) -> Iterator[AcceptedParameter]:
    """Yield the parameters that the testbed reads, by their present names."""
    older = {p.legacy_of: p.name for p in PARAMETERS.values() if p.legacy_of}
    read = {s: {k: v for k, v in tables[s].items() if _is_read(k, s)} for s in tables}
    read = {section: table for section, table in read.items() if section in SECTIONS}
    for parameter in PARAMETERS.values():
        if parameter.legacy_of:
            continue
        other = older.get(parameter.name, "")
        names = {parameter.name, other}
        holding = [section for section in _READ_LAST if names & set(read.get(section, ()))]
        section = holding[0] if holding else _placed(parameter.name, read, expanded)
        if not section:
            continue
        also = other if other and _placed(other, read, expanded) else ""
        value = resolved_value(expanded.sections, parameter.name)
        yield AcceptedParameter(parameter.name, section, value, parameter, also)


def _own(tables: Mapping[str, Any]) -> Iterator[AcceptedParameter]:
    """Yield the parameters that are not the testbed's, or stand where it does not read them."""
    for section, table in tables.items():
        for key, value in table.items():
            if not _is_read(key, section):
                yield AcceptedParameter(key, section, value)


def _is_read(key: str, section: str) -> bool:
    """Return whether a value counts by this name, present or older, in a section."""
    known = PARAMETERS.get(key)
    return known is not None and section in _read_in(known.legacy_of or known.name)


def _read_in(name: str) -> tuple[str, ...]:
    """Return the sections from which ``resolved_value`` takes a parameter."""
    if name in _OF_FAST_PROCESSING and name != "stf_interval":
        return (LEGACY, INFRASTRUCTURE, FAST)
    return _READ_ELSEWHERE.get(name, (LEGACY, DAQ, FAST, STF))


def resolved_value(sections: Mapping[str, Any], name: str) -> Any:
    """Return the value with which a run of these sections is executed; None: it has none."""
    if name in _OF_FAST_PROCESSING and name != "stf_interval":
        fast = fast_processing(sections)
        return getattr(fast, name) if fast is not None else None
    if name == "slice_failure_rate":
        return {**_table(sections, LEGACY), **_table(sections, FAST)}.get(name)
    if name == "stf_processing_time":
        default = PARAMETERS[name].default
        return _table(sections, STF).get(name, default) if STF in sections else None
    return data_taking(sections).get(name)


def _table(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = sections.get(name)
    return table if isinstance(table, Mapping) else {}


def _placed(name: str, tables: Mapping[str, Any], expanded: Expanded) -> str:
    """Return the section into which an override by this name goes; empty where it is refused."""
    parameter = PARAMETERS[name]
    copies = {section: dict(table) for section, table in tables.items()}
    merged = MergedSections(sections=copies, own_sections=expanded.own_sections)
    overlay = Overlay(merged, expanded.config_name)
    overlay.values({name: parameter.kind(parameter.minimum)}, "")
    return "" if overlay.problems else next(section for section, _ in merged.origin)


def _qualified(one: AcceptedParameter) -> AcceptedParameter:
    return AcceptedParameter(f"{one.section}.{one.name}", one.section, one.value, one.known)
