"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, how it stands, and what to do about it."""

    what: str
    status: str
    """``ok``, ``warning`` (it works, but) or ``error`` (it does not)."""
    detail: str
    remedy: str = ""
    """What to do next; empty where nothing needs doing."""

    def as_json(self) -> dict[str, str]:
        """Return the result as a JSON object."""
        return asdict(self)


def ok(what: str, detail: str) -> Finding:
    """Return the result of a check that passed."""
    return Finding(what, OK, detail)


def warning(what: str, detail: str, remedy: str) -> Finding:
    """Return the result of a check of something that works but needs attention soon."""
    return Finding(what, WARNING, detail, remedy)


def error(what: str, detail: str, remedy: str) -> Finding:
    """Return the result of a check that failed."""
    return Finding(what, ERROR, detail, remedy)


def healthy(findings: Iterable[Finding]) -> bool:
    """Return whether no check failed; warnings do not count as failures."""
    return all(finding.status != ERROR for finding in findings)
