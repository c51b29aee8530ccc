"""The tables that a soak prints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from tests.benchmarks.soak.lag import Lag
from tests.benchmarks.soak.load import SLICES_PER_SAMPLE, Load, Look, rates
from tests.benchmarks.soak.processes import MACHINE, Usage


@dataclass(frozen=True)
class Limits:
    """The rates of the machine without the testbed's own code."""

    passages: float
    """Messages a second through a queue."""
    rows: float
    """Rows of messages a second by COPY."""
    idle_lag: Lag
    """With nothing else to do."""


@dataclass(frozen=True)
class Period:
    """The measurements of a period of one load."""

    load: Load
    looks: list[Look]
    lag: Lag
    usage: Mapping[str, Usage]
    messages: float
    """Recorded a second."""

    @property
    def stf_rate(self) -> float:
        """Return STFs per second."""
        return rates(self.looks)[0]

    @property
    def slice_rate(self) -> float:
        """Return finished slices per second."""
        return rates(self.looks)[1]

    @property
    def backlog(self) -> int:
        """Return the number of slices made and not finished, at the end."""
        return self.looks[-1].backlog if self.looks else 0

    @property
    def cores(self) -> dict[str, float]:
        """Return the cores in use by each of our programs."""
        return {name: usage.cpu for name, usage in self.usage.items() if name != MACHINE}

    @property
    def cores_of_others(self) -> float:
        """Return the cores that this machine spent on other work, which the measurement lacked."""
        return max(0.0, self.usage[MACHINE].cpu - sum(self.cores.values()))

    @property
    def capacity(self) -> float:
        """Return the slices per second that all cores of this machine could process."""
        ours = sum(self.cores.values())
        return self.slice_rate * (os.cpu_count() or 1) / ours if ours else 0.0

    def busiest(self) -> tuple[str, float]:
        """Return the program that used most CPU time, and its cores."""
        name = max(self.cores, key=lambda each: self.cores[each])
        return name, self.cores[name]

    def verdict(self) -> str:
        """Return what limited this rate."""
        ours, cores = sum(self.cores.values()), os.cpu_count() or 1
        name, most = self.busiest()
        if ours + self.cores_of_others > 0.9 * cores:
            return (
                f"the machine's {cores} cores are used up: {ours:.2f} by the testbed, most of it by"
                f" {name} ({most:.2f}), {self.cores_of_others:.2f} by others"
            )
        return f"cores are left; the busiest program is {name} ({most:.2f} cores)"


def memory_table(period: Period) -> Table:
    """Return a table of memory and CPU time of each program."""
    table = Table(title="Processes", caption="RSS; PostgreSQL: PSS of server and connections")
    for column in ("program", "MB after warm-up", "at the end", "MB/min", "cores"):
        table.add_column(column, justify="left" if column == "program" else "right")
    for name, usage in period.usage.items():
        if name == MACHINE:
            table.add_row("(others on this machine)", "", "", "", f"{period.cores_of_others:.2f}")
            continue
        sizes = (f"{usage.first:.1f}", f"{usage.last:.1f}", f"{usage.slope:+.2f}")
        table.add_row(name, *sizes, f"{usage.cpu:.2f}")
    return table


def rate_table(period: Period, limits: Limits) -> Table:
    """Return a table of rates and lag, beside the rates asked for and the raw limits."""
    table = Table(title="Rates")
    for column in ("what", "asked for", "reached", "raw limit"):
        table.add_column(column, justify="left" if column == "what" else "right")
    asked = period.load.stf_rate
    table.add_row("STF/s", f"{asked:,.0f}", f"{period.stf_rate:,.1f}", "-")
    passages = f"{limits.passages / 2:,.0f} (twice through a bare queue)"
    slices = f"{asked * SLICES_PER_SAMPLE:,.0f}"
    table.add_row("slices/s finished", slices, f"{period.slice_rate:,.0f}", passages)
    table.add_row("slices/s if all cores were ours", "-", f"{period.capacity:,.0f}", "-")
    rows = f"{limits.rows:,.0f} (bare COPY)"
    table.add_row("messages/s recorded", "-", f"{period.messages:,.0f}", rows)
    table.add_row("backlog of slices at the end", "-", f"{period.backlog:,}", "-")
    for name in ("median", "maximum"):
        idle = f"{getattr(limits.idle_lag, name) * 1000:,.0f} ms (idle)"
        lag = f"{getattr(period.lag, name) * 1000:,.0f} ms"
        table.add_row(f"lag of ingest, {name}", "< 1,000 ms", lag, idle)
    return table


def growth_table(periods: list[Period]) -> Table:
    """Return a table of rates, lag and backlog by the rate asked for."""
    table = Table(title="Growth")
    for column in (
        "STF/s asked for",
        "reached",
        "slices/s asked for",
        "reached",
        "backlog",
        "lag median",
        "lag max",
        "cores",
        "of others",
        "busiest",
    ):
        table.add_column(column, justify="right")
    for period in periods:
        name, cores = period.busiest()
        asked = period.load.stf_rate
        table.add_row(
            f"{asked:,.0f}",
            f"{period.stf_rate:,.1f}",
            f"{asked * SLICES_PER_SAMPLE:,.0f}",
            f"{period.slice_rate:,.0f}",
            f"{period.backlog:,}",
            f"{period.lag.median * 1000:,.0f} ms",
            f"{period.lag.maximum * 1000:,.0f} ms",
            f"{sum(period.cores.values()):.2f}",
            f"{period.cores_of_others:.2f}",
            f"{name} {cores:.2f}",
        )
    return table
