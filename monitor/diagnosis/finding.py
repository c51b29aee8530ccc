"""One thing that was found wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mcp_server.answers.remedies import for_assistants
from swf_common_lib.text import given

Severity = Literal["error", "warning", "note"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """A cause, what it does, and what to do about it."""

    cause: str
    """In one word, the same for the same cause: runner_killed, agent_missing, ..."""
    severity: Severity
    what: str
    next: str
    evidence: str = ""
    programs: tuple[str, ...] = ()
    """Those that are missing, silent or too few: what their queues hold follows from that."""

    def view(self) -> dict[str, Any]:
        """Give it in a form that JSON can carry."""
        return given(
            cause=self.cause,
            severity=self.severity,
            what=for_assistants(self.what),
            evidence=self.evidence,
            next=self.next,
        )


def by_severity(findings: list[Finding]) -> list[Finding]:
    """Give the worst first; causes before what follows from them stays as it was."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.severity))
