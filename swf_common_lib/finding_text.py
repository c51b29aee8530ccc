"""Filling a surface's sentence with what was seen. The sentences are the surfaces' own.

A sentence has fields in braces: ``{subject}``, the names of evidence (with their units) and of the
remedy's target. What stands in square brackets is left out where a field in it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from swf_common_lib.findings import Evidence, Finding, FindingCode, Remedy, Value

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")

Sentences = Mapping[FindingCode, str]
"""What was found, by code."""
Advice = Mapping[Remedy, str]
"""What to do about it, by remedy."""


def fill(sentence: str, finding: Finding, **more: str) -> str:
    """Return a sentence with what the finding says; ``more``: further fields of the surface's."""
    known = {"subject": finding.subject.id, **facts(finding), **more}
    text = _OPTIONAL.sub(lambda match: _if_known(match[1], known), sentence)
    return _FIELD.sub(lambda match: known.get(match[1], "?"), text)


def facts(finding: Finding) -> dict[str, str]:
    """Return evidence and target of a finding as text, by name."""
    seen = {one.name: shown(one) for one in finding.evidence}
    return {**{name: _text(value) for name, value in finding.target.items()}, **seen}


def fields_of(sentence: str) -> set[str]:
    """Return the names of the fields in a sentence."""
    return set(_FIELD.findall(sentence))


def shown(evidence: Evidence) -> str:
    """Return a figure with its unit; ``1 STFs`` is ``1 STF``.

    Only a figure with a unit is a quantity: digits of a process id or a run number have no groups.
    """
    text, unit = _text(evidence.value), evidence.unit
    if unit and isinstance(evidence.value, int) and abs(evidence.value) >= 10_000:
        text = f"{evidence.value:,}"
    if text == "1" and unit.endswith("s") and len(unit) > 1:
        unit = unit[:-1]
    return f"{text} {unit}".rstrip()


def _if_known(part: str, known: Mapping[str, str]) -> str:
    return part if all(known.get(name) for name in fields_of(part)) else ""


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}"
