"""Live progress of an execution on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orchestrator.runs import STILL_AFTER, ExecutionProgress


class ProgressDisplay:
    """Bars for the STFs and slices of one execution; plain lines where there is no terminal."""

    def __init__(self, console: Console, bars: Progress) -> None:
        self._console = console
        self._bars = bars
        self._said = ""
        self._tasks = {
            name: bars.add_task(title, total=None, status="")
            for name, title in (
                ("stf", "STF files"),
                ("samples", "TF samples"),
                ("slices", "slices"),
            )
        }

    def show(self, progress: ExecutionProgress) -> None:
        """Show the execution's present state."""
        slices = progress.slices
        self._update("stf", progress.stf_files, progress.requested_stf_files)
        self._update("samples", progress.samples, progress.stf_files)
        self._update("slices", slices.get("completed", 0), slices.get("created", 0))
        failed = slices.get("failed", 0)
        self._bars.update(self._tasks["slices"], status=f"{failed} failed" if failed else "")
        status = progress.status + (f", run {progress.phase}" if progress.phase else "")
        self._bars.update(self._tasks["stf"], status=status)
        if not self._console.is_terminal and status != self._said:
            self._console.print(f"{progress.execution_id}: {status}", markup=False)
            self._said = status

    def stalled(self, progress: ExecutionProgress) -> None:
        """Print that nothing happens any more, and what may be the reason."""
        namespace = progress.record.get("namespace", "")
        self._console.print(
            f"{progress.execution_id} has ended, and nothing has happened to its run for "
            f"{STILL_AFTER:.0f} s: are all the agents that it needs up in namespace {namespace!r}? "
            "`testbed status` lists them; Ctrl-C leaves off waiting.",
            markup=False,
        )

    def _update(self, name: str, done: int, total: int | None) -> None:
        self._bars.update(self._tasks[name], completed=done, total=total or None)


@contextmanager
def progress_display(console: Console) -> Iterator[ProgressDisplay]:
    """Show progress while the context lasts."""
    bars = Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
        refresh_per_second=5,
        disable=not console.is_terminal,
    )
    with bars:
        yield ProgressDisplay(console, bars)
