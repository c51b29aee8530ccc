"""A load of bounded length on ActiveMQ and PostgreSQL: ``make soak``.

    SOAK_SECONDS=300  length of the soak, after its warm-up (0: growth alone)
    SOAK_WARM_UP=90   seconds before memory and lag count
    SOAK_RATE=100     STFs a second; each gives 15 slices. The default rate is 0.45
    SOAK_STEP=20      seconds of each step of the growth that follows (0: none)

Prints memory and CPU time of each process, rates and lag beside raw limits, and then how they go
when the rate grows until something saturates. Ends with status 1 if anything that was sent is not
recorded exactly once, or a process was started anew.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from rich.console import Console

from tests.benchmarks.soak import report
from tests.benchmarks.soak.facility import facility, programs
from tests.benchmarks.soak.lag import LagProbe
from tests.benchmarks.soak.limits import passages_per_second, rows_per_second
from tests.benchmarks.soak.load import IN_HAND, SLICES_PER_SAMPLE, Load, shortfalls
from tests.benchmarks.soak.processes import Watch
from tests.benchmarks.soak.report import Limits, Period
from tests.stack import Stack

GROWTH = 1.25
STEPS = 8
LAG_LIMIT = 1.0
IDLE_SECONDS = 5.0
DRAIN_SECONDS = 300.0
"""A backlog that takes longer than this is given up."""


class Soak:
    """The installation under load, and what measures it."""

    def __init__(self, stack: Stack, database: psycopg.Connection[Any]) -> None:
        self.stack = stack
        self.database = database
        self.console = Console()
        self.wrong: list[str] = []
        self.pids = programs(stack)
        self.watch = Watch(self.pids)
        self.lag = LagProbe(stack.settings)

    def limits(self) -> Limits:
        """Measure what broker and database do by themselves, and the lag without load."""
        begun = time.monotonic()
        time.sleep(IDLE_SECONDS)
        idle = self.lag.between(begun, time.monotonic())
        return Limits(
            passages_per_second(self.stack.settings), rows_per_second(self.database), idle
        )

    def database_kilobytes(self) -> float:
        """Return the size of the database."""
        found = self.database.execute("SELECT pg_database_size(current_database())").fetchone()
        return float(found[0]) / 1000 if found else 0.0

    def run(self, load: Load, warm_up: float) -> Period:
        """Run a load to its end, check what is recorded, and return its measurements."""
        load.start(self.stack)
        last = time.monotonic() + load.seconds + DRAIN_SECONDS
        while load.look(self.database) != "completed":
            if time.monotonic() > last:
                self.wrong.append(f"{load.execution_id} did not come to its end")
                break
            time.sleep(1.0)
        begun, ended = load.taking()
        missing = shortfalls(load, self.database)
        self.wrong += [f"{load.execution_id}: {each}" for each in missing]
        return self._period(load, begun + warm_up, ended)

    def _period(self, load: Load, begin: float, end: float) -> Period:
        usage = {name: used.between(begin, end) for name, used in self.watch.usage.items()}
        found = self.database.execute(
            "SELECT count(*) / extract(epoch FROM max(received_at) - min(received_at))"
            " FROM records_workflowmessage WHERE execution_id = %s AND message_type <> 'end_run'",
            [load.execution_id],
        ).fetchone()
        messages = float(found[0] or 0.0) if found else 0.0
        looks = load.between(begin, end)
        return Period(load, looks, self.lag.between(begin, end), usage, messages)

    def grow(self, rate: float, seconds: float) -> list[Period]:
        """Raise the rate step by step until something saturates."""
        periods = []
        for _ in range(STEPS):
            periods.append(self.run(Load(rate, seconds), warm_up=seconds / 4))
            if self.saturated(periods[-1]):
                break
            rate *= GROWTH
        return periods

    def saturated(self, period: Period) -> bool:
        """Return whether rates or ingest fall behind, or slices pile up."""
        rate = period.load.stf_rate
        piled_up = period.backlog > 2 * IN_HAND + 2 * rate * SLICES_PER_SAMPLE * LAG_LIMIT
        return piled_up or period.stf_rate < 0.95 * rate or period.lag.maximum > LAG_LIMIT


@contextmanager
def watched() -> Iterator[Soak]:
    """Yield a running installation whose processes are sampled."""
    with (
        facility() as stack,
        psycopg.connect(stack.settings.swf_database_url, autocommit=True) as database,
    ):
        soak = Soak(stack, database)
        soak.lag.start()
        soak.watch.start()
        try:
            yield soak
        finally:
            soak.watch.stop()
            soak.lag.stop()


def setting(name: str, default: float) -> float:
    """Return a number from the environment."""
    return float(os.environ.get(name) or default)


def main() -> int:
    """Soak, grow, print; return the exit status."""
    # Whoever ends it early, by a signal too, leaves nothing running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))
    seconds, warm_up = setting("SOAK_SECONDS", 300), setting("SOAK_WARM_UP", 90)
    rate, step = setting("SOAK_RATE", 100), setting("SOAK_STEP", 20)
    with watched() as soak:
        limits = soak.limits()
        print_out = soak.console.print
        if seconds:
            before = soak.database_kilobytes()
            period = soak.run(Load(rate, warm_up + seconds), warm_up)
            print_out(report.memory_table(period), report.rate_table(period, limits))
            grown = (soak.database_kilobytes() - before) / period.load.stfs
            print_out(f"The database has grown by {grown:.1f} kB an STF.")
        if step:
            steps = soak.grow(rate, step)
            print_out(report.growth_table(steps))
            print_out(f"At {steps[-1].load.stf_rate:,.0f} STF/s: {steps[-1].verdict()}.")
        anew = [name for name, pid in soak.pids.items() if programs(soak.stack).get(name) != pid]
        soak.wrong += [f"{name} was started anew" for name in anew]
        for each in soak.wrong:
            print_out(f"[red]{each}")
        print_out("All of it is recorded exactly once." if not soak.wrong else "")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
