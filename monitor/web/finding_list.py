"""The list "Needs a hand": findings with their sentences, symptoms below what causes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from monitor.web.finding_actions import (
    Button,
    Link,
    address_of,
    agents_are_here,
    buttons_of,
    links_of,
)
from monitor.web.finding_texts import advice, named_in_sentence, sentence
from swf_common_lib.findings import Evidence, Finding, Severity

_TONES = {Severity.ERROR: "bad", Severity.WARNING: "warn", Severity.NOTE: "plain"}


@dataclass
class FindingEntry:
    """A finding as the list shows it."""

    finding: Finding
    buttons: list[Button]
    symptoms: list[FindingEntry] = field(default_factory=list)
    """What it causes."""
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Identifies the entry's forms as they were shown: sent twice, one starts only once."""

    @property
    def tone(self) -> str:
        """Colour of its severity."""
        return _TONES[self.finding.severity]

    @cached_property
    def sentence(self) -> str:
        """What was found."""
        return sentence(self.finding)

    @cached_property
    def advice(self) -> str:
        """What to do about it."""
        return advice(self.finding)

    @property
    def address(self) -> str:
        """Address of its subject's page, if there is one."""
        return address_of(self.finding.subject)

    @property
    def links(self) -> list[Link]:
        """Where it can be looked into."""
        return links_of(self.finding)

    @property
    def figures(self) -> list[Evidence]:
        """The evidence that the sentence does not tell."""
        told = named_in_sentence(self.finding)
        return [one for one in self.finding.evidence if one.name not in told]


@dataclass(frozen=True)
class FindingList:
    """What was found, in two parts."""

    urgent: list[FindingEntry]
    """What needs a hand, the worst first."""
    notes: list[FindingEntry]
    """What is worth knowing."""

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> FindingList:
        """Return the list of findings that are ranked already."""
        agents_here = agents_are_here()
        entries = [FindingEntry(f, buttons_of(f, agents_here=agents_here)) for f in findings]
        top = [entry for entry in entries if not _placed(entry, entries)]
        return cls(
            urgent=[entry for entry in top if entry.finding.severity is not Severity.NOTE],
            notes=[entry for entry in top if entry.finding.severity is Severity.NOTE],
        )


def _placed(entry: FindingEntry, entries: list[FindingEntry]) -> bool:
    """Put a symptom below its cause; return False where it stands by itself.

    A cause that is a note, or a symptom too, is no heading for it.
    """
    causes = [
        one
        for one in entries
        if one.finding.code is entry.finding.symptom_of
        and one.finding.symptom_of is None
        and one.finding.severity is not Severity.NOTE
    ]
    if not causes:
        return False
    nearest = max(causes, key=lambda one: _shared(one.finding, entry.finding))
    nearest.symptoms.append(entry)
    return True


def _shared(cause: Finding, symptom: Finding) -> int:
    """Return how much two findings have in common: subject, and what their remedies are done to."""
    same = sum(cause.target.get(name) == value for name, value in symptom.target.items())
    return same + 2 * (cause.subject.id == symptom.subject.id)
