"""Ingest's own row among the agents: its heartbeat, and how far behind it is."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from monitor.ingest.batch import Recorded
from monitor.ingest.entry import now
from monitor.records.models import SystemAgent
from swf_common_lib.messaging import BusStatus

INSTANCE_NAME = "monitor-ingest"
AGENT_TYPE = "ingest"
INTERVAL = 2.0
"""Seconds between reports."""
SILENCE = timedelta(seconds=5 * INTERVAL)
"""After this time without a report another ingest on standby takes the row over."""


class Presence:
    """What ingest did since it started, and its reports about that."""

    def __init__(self) -> None:
        self.messages_total = 0
        self.repeated_total = 0
        self.problems_total = 0
        self._last_message_at: datetime | None = None
        self._lag = 0.0
        self._reported_at = time.monotonic()
        self._reported_total = 0
        self._due = 0.0

    def note(self, recorded: Recorded) -> None:
        """Count a batch that has just been recorded."""
        self.messages_total += recorded.new
        self.repeated_total += recorded.repeated
        self.problems_total += recorded.problems
        if recorded.last_sent_at is not None:
            self._last_message_at = now()
            lag = (self._last_message_at - recorded.last_sent_at).total_seconds()
            self._lag = max(0.0, lag)

    def seconds_to_report(self) -> float:
        """Return the seconds until the next report is due; 0 when it is due."""
        return max(0.0, self._due - time.monotonic())

    def report(self, bus: BusStatus, *, ending: bool = False) -> None:
        """Write the row; on standby only if nobody else writes it.

        Raises DatabaseError when the database is not there.
        """
        moment = time.monotonic()
        self._due = moment + INTERVAL
        values = self._values(bus, moment, ending=ending)
        with transaction.atomic():
            row = SystemAgent.objects.select_for_update().filter(instance_name=INSTANCE_NAME)
            present = row.first()
            if present is None:
                SystemAgent.objects.create(instance_name=INSTANCE_NAME, **values)
            elif bus.connected or present.pid == os.getpid() or _is_silent(present):
                row.update(**values)
        self._reported_at, self._reported_total = moment, self.messages_total
        self._lag = 0.0

    def _values(self, bus: BusStatus, moment: float, *, ending: bool) -> dict[str, Any]:
        seconds = max(moment - self._reported_at, 1e-3)
        rate = (self.messages_total - self._reported_total) / seconds
        states = SystemAgent.OperationalState
        busy = states.PROCESSING if rate else states.READY
        statuses = SystemAgent.Status
        return {
            "agent_type": AGENT_TYPE,
            "status": statuses.OK if bus.connected or ending else statuses.WARNING,
            "description": "records what happens on the broker" if bus.connected else bus.detail,
            "mq_connected": bus.connected and not ending,
            "pid": os.getpid(),
            "hostname": socket.gethostname()[:100],
            "operational_state": states.EXITED if ending else busy,
            "workflow_enabled": True,
            "last_heartbeat": now(),
            "heartbeat_interval": INTERVAL,
            "metadata": {
                "lag_seconds": round(self._lag, 3),
                "messages_total": self.messages_total,
                "repeated_total": self.repeated_total,
                "problems_total": self.problems_total,
                "rate": round(rate, 1),
                "last_message_at": self._last_message_at and self._last_message_at.isoformat(),
            },
        }


def _is_silent(row: SystemAgent) -> bool:
    exited = row.operational_state == SystemAgent.OperationalState.EXITED
    return exited or row.last_heartbeat is None or now() - row.last_heartbeat > SILENCE
