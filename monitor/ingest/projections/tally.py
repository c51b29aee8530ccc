"""Increments of the counters of run states, gathered over a batch."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import F
from django.utils import timezone

from monitor.records.models import RunState


class Tally:
    """How much each counter of each run grows; written with one update a run."""

    def __init__(self) -> None:
        self._growth: defaultdict[int, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )

    def add(self, run_number: int, counter: str, amount: int = 1) -> None:
        """Let a counter, a field of RunState, grow."""
        self._growth[run_number][counter] += amount

    def write(self) -> None:
        """Add everything to the run states, which must exist."""
        for run_number, growth in self._growth.items():
            changes = {name: F(name) + amount for name, amount in growth.items() if amount}
            if changes:
                states = RunState.objects.filter(run_number=run_number)
                states.update(**changes, updated_at=timezone.now())
