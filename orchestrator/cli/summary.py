"""The summary that is printed at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from orchestrator.cli.context import Context
from orchestrator.runs import ExecutionProgress, count_messages


def print_summary(context: Context, progress: ExecutionProgress) -> None:
    """Print the result of an execution: counts, and whether the workers kept up."""
    messages = count_messages(context.client(patience=5.0), progress.execution_id)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for title, value in summary_lines(progress, messages):
        table.add_row(title, value)
    context.out.print()
    context.out.print(table)


def summary_lines(progress: ExecutionProgress, messages: int) -> list[tuple[str, str]]:
    """Return the summary as pairs of title and value."""
    counts, slices = progress.statistics, progress.slices
    lines = [
        ("execution", progress.execution_id),
        ("status", progress.status + (f", run {progress.phase}" if progress.phase else "")),
    ]
    if counts:
        lines.append(("run", str(counts.get("run_number"))))
        lines.append(("STF files", _stf_files(counts.get("stf_files") or {})))
    if slices.get("created"):
        lines.append(("TF samples", str(progress.samples)))
        lines.append(
            (
                "slices",
                f"{slices['created']} made, {slices['completed']} done, {slices['failed']} failed",
            )
        )
    lines.append(("messages", f"{messages} recorded"))
    return lines + (_balance(counts) if slices.get("created") else [])


def _stf_files(counts: Mapping[str, Any]) -> str:
    text = f"{counts.get('generated', 0)} taken, {counts.get('registered', 0)} registered"
    for name in ("processed", "failed"):
        if counts.get(name):
            text += f", {counts[name]} {name}"
    return text


def _balance(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return rows that say whether the workers kept up with the slices of data taking."""
    needed, backlog = counts.get("workers_to_keep_up"), counts.get("backlog", 0)
    target = (counts.get("workers") or {}).get("target")
    if needed is None:
        return []
    verdict = f"{needed} would keep up"
    if counts.get("keeps_up"):
        verdict = "as configured, once all are ready, they keep up"
    lines = [
        (
            "backlog",
            f"{backlog} slices unfinished at the end of data taking, grown by "
            f"{_rate(counts.get('measured_backlog_growth'))}/s",
        ),
        (
            "workers",
            f"{target} finish {_rate(counts.get('capacity'))} of "
            f"{_rate(counts.get('nominal_slice_rate'))} slices/s: {verdict}",
        ),
    ]
    if counts.get("note"):
        lines.append(("note", str(counts["note"])))
    return lines


def _rate(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"
