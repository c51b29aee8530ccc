"""A measured figure beside the limit that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """A measured figure, its unit, and its limit."""

    what: str
    measured: float
    unit: str
    limit: float
    limit_is: str
    aim: str

    def row(self) -> tuple[str, ...]:
        """Return the cells of the printed table."""
        return (
            self.what,
            f"{self.measured:,.1f} {self.unit}",
            f"{self.limit:,.1f} ({self.limit_is})",
            f"{self.measured / self.limit:.2f}" if self.limit else "-",
            self.aim,
        )
