"""What needs a hand now, for the figures."""

from __future__ import annotations

from monitor.diagnosis.system import system_findings
from monitor.executions.announcer import announcer
from monitor.health.look import take_look
from swf_common_lib.findings import Finding


def current_findings() -> list[Finding]:
    """Return what needs a hand in the whole testbed."""
    return system_findings(take_look(announcer().queues, from_outside=False))
