"""`testbed diagnose`: what needs a hand in the whole testbed, or with one execution."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from typing import Any

from rich.text import Text

from orchestrator.cli.context import Commands, Context
from orchestrator.cli.findings_display import (
    clock,
    findings_without_monitor,
    needs_a_hand,
    print_findings,
)
from orchestrator.installation import require_token
from orchestrator.runs import get_diagnosis
from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.findings import Finding
from swf_common_lib.text import instant


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    diagnose = commands.add_parser(
        "diagnose",
        help="what needs a hand, in all or with one execution, and what to do",
        description="Print what was found, the worst first, a symptom below its cause, each with"
        " what to do. Without the monitor's answer: what this host's processes show. Exit status"
        " 0: nothing needs a hand (there may be notes), 1: something does.",
    )
    diagnose.add_argument(
        "execution_id", nargs="?", metavar="EXECUTION_ID", help="(default: the whole testbed)"
    )
    diagnose.add_argument("--json", action="store_true", help="for programs")
    diagnose.set_defaults(command=_diagnose)


def _diagnose(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    answer, findings = _ask(context, options.execution_id)
    needed = needs_a_hand(findings)
    if options.json:
        told = {**answer, "healthy": not needed, "findings": [one.as_json() for one in findings]}
        context.out.print(json.dumps(told, indent=2), markup=False)
    elif not findings and "execution_id" in answer:
        line = (
            f"Nothing is wrong with {answer['execution_id']} ({answer['status']}), as of"
            f" {clock(answer['as_of'])}; what it needs to go on was looked at too."
        )
        context.out.print(Text(line, "green"))
    else:
        print_findings(context, findings, answer["as_of"])
    return int(needed)


def _ask(context: Context, execution_id: str | None) -> tuple[dict[str, Any], list[Finding]]:
    """Return what was asked about and when, and what was found. Raises NotFound."""
    client = context.client()
    try:
        if execution_id is None:
            answer = client.get("health/")
        else:
            answer = get_diagnosis(client, execution_id)
    except MonitorUnavailable as error:
        now = instant(datetime.now(timezone.utc))
        return {"as_of": now}, findings_without_monitor(context.settings, error)
    findings = [Finding.from_json(one) for one in answer.pop("findings")]
    return answer, findings
