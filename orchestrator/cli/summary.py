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
        lines.append(("STF files", _stf_files(progress, counts.get("stf_files") or {})))
    if slices.get("created"):
        lines.append(("TF samples", str(progress.samples)))
        lines.append(("slices", _slices(progress)))
    lines.append(("messages", f"{messages} recorded"))
    return lines + (balance_lines(counts) if slices.get("created") else [])


def _stf_files(progress: ExecutionProgress, counts: Mapping[str, Any]) -> str:
    asked = "" if progress.requested_stf_files is None else f" of {progress.requested_stf_files}"
    text = f"{counts.get('generated', 0)}{asked} taken, {counts.get('registered', 0)} registered"
    for name in ("processed", "failed"):
        if counts.get(name):
            text += f", {counts[name]} {name}"
    return text


def _slices(progress: ExecutionProgress) -> str:
    slices = progress.slices
    text = f"{slices['created']} made, {slices['completed']} done, {slices['failed']} failed"
    left = slices["created"] - slices["completed"] - slices["failed"]
    return f"{text}, {left} unfinished" if left > 0 else text


def balance_lines(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return whether the workers kept up with the slices that data taking made."""
    if counts.get("keeps_up") is None:
        return []
    lines = [
        ("waiting", _waiting(counts)),
        ("backlog", _backlog(counts)),
        (
            "workers",
            f"{counts['target_workers']} finish {_figure(counts['capacity_slices_per_s'], 'any')}"
            f" of {_figure(counts['slices_per_s'])} slices/s: {_verdict(counts)}",
        ),
    ]
    if not counts["enough_workers"]:
        lines.append(
            (
                "nominal",
                f"{_figure(counts['nominal_slices_per_s'])} slices/s, "
                f"{counts['nominal_workers']} workers: the documents' figures, where an STF takes "
                "its interval alone",
            )
        )
    return lines


def _waiting(counts: Mapping[str, Any]) -> str:
    if counts.get("mean_wait_s") is None:
        return "no slice has begun"
    waits = f"{_figure(counts['mean_wait_s'])} s mean, {_figure(counts['max_wait_s'])} s longest"
    late = f"{counts['late_slices']} of {counts['measured_slices']}"
    return f"{waits}; {late} slices until after the next STF"


def _backlog(counts: Mapping[str, Any]) -> str:
    when = "when data taking ended" if counts["over"] else "so far"
    text = f"{counts['backlog_slices']} slices unfinished {when}"
    if counts.get("at_tick") is not None:
        text += f" (at {counts['at_tick']:.7g} simulated s)"
    growth = counts.get("backlog_growth_slices_per_s")
    return text if growth is None else f"{text}, grown by {_figure(growth)}/s"


def _verdict(counts: Mapping[str, Any]) -> str:
    needed = counts["workers_to_keep_up"]
    if counts["basis"] == "schedule":
        return "enough, once all are ready" if counts["keeps_up"] else f"{needed} would keep up"
    if not counts["enough_workers"]:
        so = "they kept up in this short run" if counts["keeps_up"] else "they did not keep up"
        return f"{so}; {needed} would keep up"
    if counts["keeps_up"]:
        return "they kept up"
    return (
        f"they did not keep up in this run, though {needed} are enough once all are ready: they "
        f"came up over {counts['worker_rampup_s']:g} s, data taking lasted "
        f"{counts['data_taking_s']:g} s"
    )


def _figure(value: float | None, unknown: str = "?") -> str:
    if value is None:
        return unknown
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
