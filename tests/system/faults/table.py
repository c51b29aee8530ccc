"""The table of faults: what each did to a run, as the ledger, the database and the clock saw it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

HEAD = (
    "fault",
    "stack",
    "sent",
    "recorded",
    "twice",
    "execution ended as",
    "healed after s",
)
ROW = "fault"
"""Name of the property of a test's report that is a row of the table."""
_NUMBERS = (2, 3, 4, 6)


@dataclass(frozen=True)
class Outcome:
    """One row."""

    fault: str
    stack: str
    sent: int
    recorded: int
    twice: int
    ended: str
    healed: float
    """Seconds from the fault's end until all programs were up and all agents ready."""

    def values(self) -> tuple[Any, ...]:
        """Return its fields in a form that a report of pytest can carry."""
        return astuple(self)


def reported(reports: Iterable[Any]) -> list[Outcome]:
    """Return the rows that the reports of tests carry, in their order."""
    called = [report for report in reports if getattr(report, "when", "") == "call"]
    return [Outcome(*row) for one in called for name, row in one.user_properties if name == ROW]


def lines(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the table as lines of text, numbers to the right."""
    rows: list[Sequence[str]] = [HEAD]
    for outcome in outcomes:
        *others, healed = outcome.values()
        rows.append([*(str(value) for value in others), f"{healed:.1f}"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    written = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        written.append(" | ".join(cells).rstrip())
    written.insert(1, "-+-".join("-" * width for width in widths))
    return written
