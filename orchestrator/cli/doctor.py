"""`testbed doctor`: what works, what does not, and how to repair it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from orchestrator.cli.context import Commands, console
from orchestrator.cli.finding_texts import advice, sentence
from orchestrator.cli.findings_display import print_arranged
from orchestrator.doctor.check_result import ERROR, OK, CheckResult, SameTrouble, healthy
from orchestrator.doctor.examination import examine, summary_line
from orchestrator.doctor.monitor import is_local
from swf_common_lib.errors import TestbedError
from swf_common_lib.findings import Finding, Severity, SubjectKind
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import load_settings

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}
_WORK = (SubjectKind.EXECUTION, SubjectKind.RUN)
"""What people run; it may go wrong in an installation that is well."""


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    doctor = commands.add_parser(
        "doctor",
        help="check settings, files, ports, broker, monitor, database, MCP; say what to mend",
        description="Check everything that this installation needs, add what the monitor found,"
        " and say what to mend. Exit status 0: nothing is broken (there may be warnings, and"
        " executions that failed), 1: something is.",
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    # Wrong settings are among what it reports, so it must start without valid ones.
    doctor.set_defaults(command=None, without_settings=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Run the checks, print their results and the findings, and return the exit status."""
    results, findings = merged(list(examine(options.home)), *_health(options.home))
    well = healthy(results) and not any(map(_is_broken, findings))
    if options.json:
        report = {
            "healthy": well,
            "checks": [result.as_json() for result in results],
            "findings": [finding.as_json() for finding in findings],
        }
        console().print(json.dumps(report, indent=2), markup=False)
    else:
        _print(results, findings)
    return 0 if well else 1


def _health(home: Path | None) -> tuple[list[Finding], bool]:
    """Return what the monitor found, and whether it is on this host; nothing without its answer."""
    try:
        settings = load_settings(home)
        answer = MonitorClient.from_settings(settings).get("health/")
    except TestbedError:
        return [], False  # a check says why
    return [Finding.from_json(one) for one in answer["findings"]], is_local(settings)


def merged(
    results: Sequence[CheckResult], findings: Sequence[Finding], here: bool
) -> tuple[list[CheckResult], list[Finding]]:
    """Return results in the findings' words where both met the same trouble, and the others.

    ``here``: whether the monitor is on this host; else what it met is another trouble.
    """
    left = list(findings)
    kept = []
    for result in results:
        same = [one for one in findings if here and result.same and _is(result.same, one)]
        new = [one for one in same if one in left]
        left = [one for one in left if one not in new]
        if new:
            kept.append(_in_its_words(result, new))
        elif not same:
            kept.append(result)
    return kept, left


def _is(trouble: SameTrouble, finding: Finding) -> bool:
    return finding.code in trouble.codes and trouble.subject in ("", finding.subject.id)


def _in_its_words(result: CheckResult, findings: Sequence[Finding]) -> CheckResult:
    """Return a result with what the findings say, as bad as the worst of them and of it."""
    worst = any(one.severity is Severity.ERROR for one in findings)
    return replace(
        result,
        status=ERROR if worst else result.status,
        detail="; ".join(sentence(one) for one in findings),
        remedy=advice(findings[0]),
    )


def _is_broken(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and finding.subject.kind not in _WORK


def _print(results: Iterable[CheckResult], findings: Sequence[Finding]) -> None:
    out = console()
    results = list(results)
    width = max(len(result.what) for result in results)
    for result in results:
        line = Text(f"{result.status:<8}", _STYLES[result.status])
        line.append(f"{result.what:<{width}}  ", "bold")
        line.append(result.detail, "")
        out.print(line)
        if result.status != OK and result.remedy:
            out.print(Text(" " * (10 + width) + "→ " + result.remedy, "cyan"))
    out.print(summary_line(results), markup=False)
    if findings:
        out.print("The monitor found:" if healthy(results) else "The monitor found as well:")
        print_arranged(out, findings)
