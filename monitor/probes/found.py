"""What needs a hand now, for the figures."""

from __future__ import annotations

from orchestrator.process_health import process_findings
from swf_common_lib.findings import Finding
from swf_common_lib.settings import Settings


def current_findings(settings: Settings) -> list[Finding]:
    """Return what needs a hand among this host's processes."""
    return process_findings(settings)
