"""The sweeper's heartbeat: its row among the agents, which shows whether it works."""

from __future__ import annotations

import os
import socket
from datetime import datetime

from monitor.records.models import SystemAgent

INSTANCE_NAME = "monitor-sweeper"
AGENT_TYPE = "sweeper"
NOTE_INTERVAL = 5.0
"""Seconds between two heartbeats: each is a write."""


def write_heartbeat(now: datetime) -> None:
    """Write the sweeper's heartbeat; several web processes may share the row."""
    SystemAgent.objects.update_or_create(
        instance_name=INSTANCE_NAME,
        defaults={
            "agent_type": AGENT_TYPE,
            "status": SystemAgent.Status.OK,
            "description": "ends what lost its runner, announces what was not heard",
            "operational_state": SystemAgent.OperationalState.READY,
            "pid": os.getpid(),
            "hostname": socket.gethostname()[:100],
            "last_heartbeat": now,
            "heartbeat_interval": NOTE_INTERVAL,
        },
    )
