"""A run that faults are to meet, and what belongs to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.runs import ExecutionProgress, get_progress, send_command
from swf_common_lib.states import TERMINAL
from tests.system.faults.ledger import Chosen, Mark, Stretch, everything
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.system.faults.watched import WatchedStack

ONCE_A_RUN = ("run_imminent", "end_run", "run_imminent_worker", "end_run_worker")
ONCE_AN_STF = (
    "stf_gen",
    "stf_ready",
    "processing_complete",
    "tf_file_registered",
    "tf_slices_registered",
)
SLICES = 15
"""Of each STF file."""

Suffered = tuple[str, Stretch, Chosen, float]
"""A fault's name, the ledger over it, what of that is to be accounted for, seconds to heal."""


@dataclass
class Run:
    """An execution, and the ledger from its beginning on."""

    watched: WatchedStack
    execution_id: str
    since: Mark
    suffered: list[Suffered] = field(default_factory=list)

    @property
    def progress(self) -> ExecutionProgress:
        return get_progress(self.watched.monitor, self.execution_id)

    @property
    def run_id(self) -> str:
        """Return the run id in its messages."""
        return str(self.progress.record["run_number"])

    def go_on(self, stf_files: int = 2) -> None:
        """Wait until so many more STF files are on record."""
        wanted = self.progress.stf_files + stf_files
        wait_until(
            lambda: self.progress.stf_files >= wanted,
            PATIENCE,
            f"{self.execution_id} does not come to STF {wanted}",
        )

    def suffer(
        self,
        fault: str,
        cause: Callable[[], Collection[int]],
        *,
        chosen: Chosen = everything,
        heard_again: bool = True,
    ) -> None:
        """Cause a fault in the middle of data taking, and wait until all works again.

        ``cause`` returns when the fault is over, with the ids of the processes that it killed.
        ``heard_again``: every agent has to have said since then that it is well.
        """
        self.go_on()
        since = self.watched.ledger.mark()
        killed = cause()
        healed = self.watched.heal(killed, heard_again=heard_again)
        self.go_on()
        self.watched.ledger.await_heard(chosen)
        self.suffered.append((fault, self.watched.ledger.settle(since), chosen, healed))

    def finish(self) -> None:
        """Stop it, check that it is complete, and add a row about its faults to the table."""
        send_command(self.watched.monitor, self.execution_id, "stop", "the faults are over")
        ended = self.end()
        self.check_complete()
        self.tell(ended)

    def tell(self, ended: str) -> None:
        """Add a row about its faults to the table."""
        for fault, stretch, chosen, healed in self.suffered:
            self.watched.tell(fault, stretch, ended, healed, chosen)

    def end(self) -> str:
        """Wait until the execution and its work are over; return its final status."""
        try:
            wait_until(lambda: self._over, 3 * PATIENCE)
        except AssertionError:
            stands = self.progress
            told = f"{stands.status}, {dict(stands.statistics)}"
            raise AssertionError(f"{self.execution_id} does not end: {told}") from None
        return self.progress.status

    @property
    def _over(self) -> bool:
        progress = self.progress
        return progress.status in TERMINAL and progress.phase == "completed"

    def check_complete(self, *, begun: bool = True) -> None:
        """Check that everything that belongs to the run is on record, once.

        ``begun``: it reached data taking.
        """
        counts = self.progress.statistics
        stf_files = counts["stf_files"]["generated"]
        assert counts["stf_files"]["registered"] == counts["samples"] == stf_files
        assert counts["stf_files"]["processed"] == stf_files
        slices = counts["slices"]
        assert slices["created"] == slices["completed"] == stf_files * SLICES, slices
        kinds = self.kinds()
        expected = {
            **dict.fromkeys(ONCE_A_RUN, 1),
            **dict.fromkeys(ONCE_AN_STF, stf_files),
            "start_run": int(begun),
        }
        assert {kind: kinds[kind] for kind in expected} == expected

    def kinds(self) -> Counter[str]:
        """Count this execution's messages in the database by type."""
        bodies = [body for _, body in self.watched.ledger.settle(self.since).rows]
        return Counter(b["msg_type"] for b in bodies if b.get("execution_id") == self.execution_id)
