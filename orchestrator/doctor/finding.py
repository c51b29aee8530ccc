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
        """Give it for programs."""
        return asdict(self)


def ok(what: str, detail: str) -> Finding:
    """Make the finding that a thing is as it should be."""
    return Finding(what, OK, detail)


def warning(what: str, detail: str, remedy: str) -> Finding:
    """Make the finding that a thing works, but will want attention."""
    return Finding(what, WARNING, detail, remedy)


def error(what: str, detail: str, remedy: str) -> Finding:
    """Make the finding that a thing does not work."""
    return Finding(what, ERROR, detail, remedy)


def healthy(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing is an error; warnings are no illness."""
    return all(finding.status != ERROR for finding in findings)
