"""One look at the testbed for all who ask within a second: it costs more than what it shows."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

from django.utils import timezone

from monitor.diagnosis.system import system_findings
from monitor.executions.announcer import announcer
from monitor.health.look import Look, take_look
from swf_common_lib.findings import Finding

FRESH_FOR = 1.0
"""Seconds for which a look is shown again."""


@dataclass(frozen=True)
class Assessment:
    """A look at the testbed, and what it found."""

    look: Look
    findings: list[Finding]
    """The worst first, a symptom below its cause."""


class RecentLooks:
    """The last look, kept for a second; who asks while one is taken waits for that one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._look: Look | None = None
        self._findings: list[Finding] | None = None
        self._taken = 0.0

    def assessment(self) -> Assessment:
        """Return a look of the last second with its findings.

        Raises django.db.Error when the database does not answer.
        """
        with self._lock:
            look = self._recent()
            if self._findings is None:
                self._findings = system_findings(look)
            return Assessment(look, self._findings)

    def look(self) -> Look:
        """Return a look of the last second, to judge by it what is read from the database now."""
        with self._lock:
            return replace(self._recent(), now=timezone.now())

    def _recent(self) -> Look:
        if self._look is None or time.monotonic() - self._taken > FRESH_FOR:
            self._findings = None
            self._look = take_look(announcer().queues, from_outside=False)
            self._taken = time.monotonic()
        return self._look
