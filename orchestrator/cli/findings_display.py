"""Printing findings: the worst first, a symptom below its cause, notes last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from rich.console import Console
from rich.text import Text

from orchestrator.cli.context import Context
from orchestrator.cli.finding_texts import advice, sentence
from orchestrator.process_health import findings_without_database, process_findings
from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
    ranked,
)
from swf_common_lib.settings import Settings

LOOKED_AT = (
    "services, processes, agents, queues, configurations, hosts, and the executions and runs of"
    " the last hour"
)
"""What the monitor looks at before it finds nothing."""
STYLES: Mapping[Severity, str] = MappingProxyType(
    {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
)
_INDENT = 2
_WIDTH = 9
"""Columns of the severity, with the space behind it."""


def findings_without_monitor(settings: Settings, error: MonitorUnavailable) -> list[Finding]:
    """Return what this host's processes show while the monitor gives no answer, and that.

    A monitor whose database is away answers that it is.
    """
    if error.target.get("service") == "database":
        return findings_without_database(settings, error.detail)
    found = process_findings(settings)
    told = evidence(address=settings.swf_monitor_url, error=error.detail)
    if not any(one.code is FindingCode.MONITOR_AWAY for one in found):
        # Its process lives, or it is no process of this host.
        found.append(
            Finding(
                FindingCode.MONITOR_AWAY,
                Severity.ERROR,
                Subject(SubjectKind.SERVICE, "web"),
                Remedy.START_SERVICES,
                target={"service": "web"},
            )
        )
    return ranked(
        replace(one, evidence=one.evidence + told) if one.code is FindingCode.MONITOR_AWAY else one
        for one in found
    )


def needs_a_hand(findings: Sequence[Finding]) -> bool:
    """Return whether there is more than notes among findings."""
    return any(one.severity is not Severity.NOTE for one in findings)


def arranged(findings: Sequence[Finding]) -> list[tuple[int, Finding]]:
    """Return each finding once with its depth: symptoms follow their cause, a step deeper.

    ``findings``: as ``ranked`` returns them, so a cause comes before what it causes.
    """
    causes: dict[FindingCode, int] = {}
    for number, one in enumerate(findings):
        causes.setdefault(one.code, number)
    below: dict[int, list[int]] = {}
    roots = []
    for number, one in enumerate(findings):
        cause = causes.get(one.symptom_of) if one.symptom_of else None
        if cause is None or _is_below(cause, number, findings, causes):
            roots.append(number)
        else:
            below.setdefault(cause, []).append(number)
    roots.sort(key=lambda number: findings[number].severity is Severity.NOTE)
    order = [step for root in roots for step in _descend(root, 0, below)]
    return [(depth, findings[number]) for depth, number in order]


def _is_below(
    cause: int, number: int, findings: Sequence[Finding], causes: Mapping[FindingCode, int]
) -> bool:
    """Return whether a cause is itself a symptom of finding ``number``, or that finding."""
    passed: set[int] = set()
    step: int | None = cause
    while step is not None and step not in passed:
        if step == number:
            return True
        passed.add(step)
        code = findings[step].symptom_of
        step = causes.get(code) if code else None
    return False


def _descend(number: int, depth: int, below: Mapping[int, list[int]]) -> Iterator[tuple[int, int]]:
    yield depth, number
    for symptom in below.get(number, ()):
        yield from _descend(symptom, depth + 1, below)


def print_findings(context: Context, findings: Sequence[Finding], as_of: str) -> None:
    """Print findings with what to do about each, or that all is well and what was looked at."""
    when = f"as of {clock(as_of)}"
    context.out.print()
    if not findings:
        context.out.print(Text(f"All is well, {when}: {LOOKED_AT} were looked at.", "green"))
        return
    title = "Needs a hand" if needs_a_hand(findings) else "Nothing needs a hand; worth knowing"
    context.out.print(Text(f"{title}, {when}:", "bold"))
    print_arranged(context.out, findings)


def print_arranged(out: Console, findings: Sequence[Finding]) -> None:
    """Print findings, symptoms indented below their cause, without a title."""
    for depth, one in arranged(findings):
        indent = " " * _INDENT * depth
        line = Text(indent)
        line.append(f"{one.severity.value:<{_WIDTH}}", STYLES[one.severity])
        line.append(sentence(one) + _since(one.since))
        out.print(line)
        if one.remedy is not Remedy.NOTHING:
            out.print(Text(f"{indent}{' ' * _WIDTH}→ {advice(one)}", "cyan"))


def _since(since: datetime | None) -> str:
    return f" (since {_local(since)})" if since else ""


def clock(as_of: str) -> str:
    """Return an ISO time in this machine's zone, in whole seconds."""
    return _local(datetime.fromisoformat(as_of.replace("Z", "+00:00")))


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
