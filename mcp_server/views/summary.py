"""Findings in one line, the first thing that an assistant reads: no error is left out of it."""

from __future__ import annotations

from collections.abc import Sequence

from mcp_server.answers.finding_texts import advice, sentence
from monitor.diagnosis.status import is_healthy
from swf_common_lib.findings import Finding, Severity

LONGEST = 500
"""Characters of the line."""
_ADVICE, _SHORT_ADVICE = 120, 60
_SENTENCES = (210, 150, 100)
"""Characters of the first sentence: the most that leaves room for all errors, one subject each."""
_NAMED = (3, 2, 1, 0)
"""How many subjects of a kind of trouble are named: as many as leave room for all errors."""

Group = list[Finding]


def summary_of(findings: Sequence[Finding]) -> str:
    """Return the worst finding with what to do, and what else there is, the worst first."""
    if not findings:
        return (
            "all is well: services, processes, agents, queues, configurations, hosts, and the"
            " executions and runs of the last hour were looked at"
        )
    head = "nothing needs a hand; worth knowing: " if is_healthy([*findings]) else ""
    groups = _grouped(findings[1:])
    if not groups:
        return head + _in_full(findings[0], LONGEST - 2 * _ADVICE - 60, 2 * _ADVICE)
    errors = len(_listed(_errors(groups), 1, []))
    texts = [head + _in_full(findings[0], length, _ADVICE) for length in _SENTENCES]
    text = next((text for text in texts if len(text) + errors <= LONGEST), texts[-1])
    return text + _others(groups, LONGEST - len(text))


def _in_full(finding: Finding, longest: int, longest_advice: int) -> str:
    advised = _clipped(advice(finding), longest_advice)
    return f"{finding.severity.value}: {_clipped(sentence(finding), longest)}. Next: {advised}"


def _errors(groups: list[Group]) -> list[Group]:
    return [group for group in groups if group[0].severity is Severity.ERROR]


def _grouped(findings: Sequence[Finding]) -> list[Group]:
    """Return findings of one code and severity together, in the order of the first of each."""
    groups: dict[tuple[str, bool], Group] = {}
    for one in findings:
        groups.setdefault((one.code.value, one.severity is Severity.ERROR), []).append(one)
    return list(groups.values())


def _others(groups: list[Group], room: int) -> str:
    """Return all that fits of the other findings: every error at least by its code."""
    errors = _errors(groups)
    named = next((n for n in _NAMED if len(_listed(errors, n, [])) <= room), 0)
    shown, left = list(errors), [group for group in groups if group not in errors]
    while left and len(_listed([*shown, left[0]], named, left[1:])) <= room:
        shown.append(left.pop(0))
    advised = 0
    while advised < len(shown) and len(_listed(shown, named, left, advised + 1)) <= room:
        advised += 1
    return _listed(shown, named, left, advised)[:room]


def _listed(groups: list[Group], named: int, left: list[Group], advised: int = 0) -> str:
    """Return groups in words, ``advised`` of them with what to do; ``left``: only counted."""
    words = [_named(group, named, advise=i < advised) for i, group in enumerate(groups)]
    if more := sum(map(len, left)):
        words.append(f"{more} more")
    return f". Also: {'; '.join(words)}" if words else ""


def _named(group: Group, named: int, *, advise: bool) -> str:
    first = group[0]
    subjects = [one.subject.id for one in group[:named] if one.subject.id]
    more = len(group) - len(subjects)
    text = f"{first.severity.value} {first.code.value}"
    if subjects:
        text += f" of {', '.join(subjects)}"
    if more:
        text += f" and {more} more" if subjects else f" ({more})"
    return f"{text}: {_clipped(advice(first), _SHORT_ADVICE)}" if advise else text


def _clipped(text: str, length: int) -> str:
    """Return a text, cut after a word where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 4].rpartition(' ')[0]} ..."
