"""`testbed doctor`: what works, what does not, and how to repair it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

from rich.text import Text

from orchestrator.cli.context import Commands, console
from orchestrator.doctor.examination import examine, statuses
from orchestrator.doctor.finding import OK, Finding, healthy

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    doctor = commands.add_parser(
        "doctor",
        help="check settings, files, ports, broker, monitor, database, MCP; say what to mend",
        description="Check everything that this installation needs and say what to mend. "
        "Exit status 0: nothing is broken (there may be warnings), 1: something is.",
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    # Wrong settings are among what it tells, so it must start without them.
    doctor.set_defaults(command=None, without_settings=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Run the checks, print their results, and return the exit status."""
    findings = list(examine(options.home))
    if options.json:
        report = {
            "healthy": healthy(findings),
            "checks": [finding.as_json() for finding in findings],
        }
        console().print(json.dumps(report, indent=2), markup=False)
    else:
        _print(findings)
    return 0 if healthy(findings) else 1


def _print(findings: Iterable[Finding]) -> None:
    out = console()
    findings = list(findings)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        line = Text(f"{finding.status:<8}", _STYLES[finding.status])
        line.append(f"{finding.what:<{width}}  ", "bold")
        line.append(finding.detail, "")
        out.print(line)
        if finding.status != OK and finding.remedy:
            out.print(Text(" " * (10 + width) + "→ " + finding.remedy, "cyan"))
    out.print(statuses(findings), markup=False)
