"""The result of a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from swf_common_lib.findings import FindingCode

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class SameTrouble:
    """What the monitor calls a trouble that a check has met as well."""

    codes: tuple[FindingCode, ...]
    subject: str = ""
    """Id of who it is about; empty: whoever it is."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: what was checked, its status, and what to do about it."""

    what: str
    status: str
    """``ok``, ``warning`` (it works, but) or ``error`` (it does not)."""
    detail: str
    remedy: str = ""
    """What to do next; empty where nothing needs doing."""
    same: SameTrouble | None = None
    """What it is as a finding; None where no rule knows of it."""

    def as_json(self) -> dict[str, str]:
        """Return the result as a JSON object."""
        return {
            "what": self.what,
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
        }


def ok(what: str, detail: str) -> CheckResult:
    """Return the result of a check that passed."""
    return CheckResult(what, OK, detail)


def warning(what: str, detail: str, remedy: str, same: SameTrouble | None = None) -> CheckResult:
    """Return the result of a check of something that works but needs attention soon."""
    return CheckResult(what, WARNING, detail, remedy, same)


def error(what: str, detail: str, remedy: str, same: SameTrouble | None = None) -> CheckResult:
    """Return the result of a check that failed."""
    return CheckResult(what, ERROR, detail, remedy, same)


def healthy(results: Iterable[CheckResult]) -> bool:
    """Return whether no check failed; warnings do not count as failures."""
    return all(result.status != ERROR for result in results)
