"""That the sweeper looks after everything: its row among the agents, for whoever asks."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from monitor.records.models import SystemAgent

INSTANCE_NAME = "monitor-sweeper"
AGENT_TYPE = "sweeper"
NOTE_INTERVAL = 5.0
"""Seconds between notes: each is a write."""
QUIET_AFTER = timedelta(seconds=30)
"""Without a note for so long it does not do its work."""


def note_look(now: datetime) -> None:
    """Note that the sweeper has looked. Of several web processes any will do."""
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


def quiet_for(now: datetime) -> timedelta | None:
    """Give how long the sweeper has not looked; None while it does, or where it never ran."""
    looks = SystemAgent.objects.filter(agent_type=AGENT_TYPE, last_heartbeat__lt=now - QUIET_AFTER)
    last: datetime | None = looks.values_list("last_heartbeat", flat=True).first()
    return None if last is None else now - last
