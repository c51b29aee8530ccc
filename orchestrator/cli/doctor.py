"""`testbed doctor`: what works, what does not, and how to repair it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

from rich.text import Text

from orchestrator.cli.context import Commands, console
from orchestrator.doctor.check_result import OK, CheckResult, healthy
from orchestrator.doctor.examination import examine, summary_line

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
    # Wrong settings are among what it reports, so it must start without valid ones.
    doctor.set_defaults(command=None, without_settings=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Run the checks, print their results, and return the exit status."""
    results = list(examine(options.home))
    if options.json:
        report = {
            "healthy": healthy(results),
            "checks": [result.as_json() for result in results],
        }
        console().print(json.dumps(report, indent=2), markup=False)
    else:
        _print(results)
    return 0 if healthy(results) else 1


def _print(results: Iterable[CheckResult]) -> None:
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
