"""Changes of the counters of run states, summed over a batch."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import F
from django.utils import timezone

from monitor.records.models import RunState


class RunCounterDeltas:
    """The change of each counter of each run; written with one update a run."""

    def __init__(self) -> None:
        self._deltas: defaultdict[int, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(int)
        )

    def add(self, run_number: int, counter: str, amount: int = 1) -> None:
        """Add ``amount`` to a run's counter, which is the name of a field of RunState."""
        self._deltas[run_number][counter] += amount

    def write(self) -> None:
        """Add the changes to the run states, which must exist."""
        for run_number, deltas in self._deltas.items():
            changes = {name: F(name) + amount for name, amount in deltas.items() if amount}
            if changes:
                states = RunState.objects.filter(run_number=run_number)
                states.update(**changes, updated_at=timezone.now())
