"""The result of a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: what was checked, its status, and what to do about it."""

    what: str
    status: str
    """``ok``, ``warning`` (it works, but) or ``error`` (it does not)."""
    detail: str
    remedy: str = ""
    """What to do next; empty where nothing needs doing."""

    def as_json(self) -> dict[str, str]:
        """Return the result as a JSON object."""
        return asdict(self)


def ok(what: str, detail: str) -> CheckResult:
    """Return the result of a check that passed."""
    return CheckResult(what, OK, detail)


def warning(what: str, detail: str, remedy: str) -> CheckResult:
    """Return the result of a check of something that works but needs attention soon."""
    return CheckResult(what, WARNING, detail, remedy)


def error(what: str, detail: str, remedy: str) -> CheckResult:
    """Return the result of a check that failed."""
    return CheckResult(what, ERROR, detail, remedy)


def healthy(results: Iterable[CheckResult]) -> bool:
    """Return whether no check failed; warnings do not count as failures."""
    return all(result.status != ERROR for result in results)
