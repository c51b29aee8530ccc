"""What the monitor itself says on the broker: commands to runners, and ends that runners missed."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from monitor.records.database.notify import notify_changed
from monitor.records.models import WorkflowExecution
from monitor.records.states import ExecutionStatus
from orchestrator.queue_depths import QueueReader
from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messaging import (
    BROADCAST,
    WORKFLOW_CONTROL,
    BusStatus,
    Destination,
    MessageBus,
)
from swf_common_lib.settings import Settings

SENDER = "monitor"
CONFIRM_TIMEOUT = 3.0
ANNOUNCEMENT_LIFE_MS = 60_000
"""The sweeper announces again: those that nobody took must not pile up."""
COMMAND_LIFE_MS = 60_000

logger = logging.getLogger(__name__)


class Announcer:
    """The process's connection to the broker, opened when it is first needed.

    It is a connection to the broker that the settings name: with other settings it is another.
    """

    patience = 2.0
    """Seconds that whoever needs it first waits for the connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bus: MessageBus | None = None
        self._opened_for: Settings | None = None
        self._queues: tuple[Settings, QueueReader] | None = None

    @property
    def queues(self) -> QueueReader:
        """What reads how much waits in the broker's queues."""
        testbed: Settings = settings.TESTBED
        with self._lock:
            if self._queues is None or self._queues[0] is not testbed:
                self._queues = (testbed, QueueReader(testbed))
            return self._queues[1]

    def open(self, *, wait: bool = True) -> MessageBus:
        """Return the bus; the first caller starts it and may wait a moment for its connection."""
        testbed: Settings = settings.TESTBED
        with self._lock:
            if self._opened_for is not testbed:
                self._close()
            if self._bus is None:
                self._bus, self._opened_for = MessageBus(testbed), testbed
                # It goes on trying; ``send`` tells whoever needs it.
                with contextlib.suppress(BrokerUnavailable):
                    self._bus.start(self.patience if wait else None)
            return self._bus

    def close(self) -> None:
        """Close the connection; the next use makes a new one."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._bus is not None:
            self._bus.close(timeout=1.0)
            self._bus = None

    @property
    def address(self) -> str:
        """Where the broker is."""
        return f"{settings.TESTBED.activemq_host}:{settings.TESTBED.activemq_port}"

    def status(self) -> BusStatus:
        """Return the state of the connection."""
        return self.open().status()

    def require_broker(self) -> None:
        """Raise BrokerUnavailable while the broker is not there.

        To be asked before an act is recorded: what is published after it may come late, but it is
        not refused any more.
        """
        bus = self.open()
        if not bus.connected:
            raise BrokerUnavailable(
                f"the message broker at {self.address} is not reachable: {bus.status().detail}",
                "Start it (testbed start-local), or correct ACTIVEMQ_HOST and ACTIVEMQ_PORT.",
            )

    def publish(
        self, destination: Destination, body: Mapping[str, Any], *, ttl_ms: int | None = None
    ) -> bool:
        """Publish; return whether the broker has confirmed it in time.

        False: it is kept, and sent as soon as the broker takes it.
        """
        bus = self.open()
        bus.publish(destination, {"sender": SENDER, **body}, ttl_ms=ttl_ms)
        try:
            bus.flush(CONFIRM_TIMEOUT)
        except BrokerUnavailable as error:
            logger.warning("%s: %s", destination, error.detail)
            return False
        return True

    def send(
        self, destination: Destination, body: Mapping[str, Any], *, ttl_ms: int | None = None
    ) -> bool:
        """Publish as ``publish`` does, unless the broker is not there: raises BrokerUnavailable."""
        self.require_broker()
        return self.publish(destination, body, ttl_ms=ttl_ms)

    def announce(self, execution: WorkflowExecution) -> bool:
        """Announce a pending execution to the runners; return whether the broker took it."""
        body = {
            "msg_type": "run_workflow",
            "execution_id": execution.execution_id,
            "workflow_name": execution.workflow_name,
            "namespace": execution.namespace,
        }
        try:
            return self.send(WORKFLOW_CONTROL, body, ttl_ms=ANNOUNCEMENT_LIFE_MS)
        except BrokerUnavailable:
            return False

    def announce_again(self, execution: WorkflowExecution) -> None:
        """Announce an execution that nobody has taken yet, and note when, if that was possible."""
        if self.announce(execution):
            note_announcement(execution, timezone.now())

    def command(self, execution: WorkflowExecution, what: str, reason: str) -> bool:
        """Send the runner of an execution a stop, pause or resume, as ``publish`` does.

        The runner that takes it from the queue passes it on when it is not the one.
        """
        body = {
            "msg_type": f"{what}_workflow",
            "execution_id": execution.execution_id,
            "namespace": execution.namespace,
            "reason": reason,
        }
        return self.publish(WORKFLOW_CONTROL, body, ttl_ms=COMMAND_LIFE_MS)

    def broadcast(self, body: Mapping[str, Any]) -> bool:
        """Broadcast a message to all agents, as ``publish`` does."""
        return self.publish(BROADCAST, body)


def note_announcement(execution: WorkflowExecution, when: datetime | None) -> None:
    """Note when a pending execution was announced; None: it still has to be."""
    execution.announced_at = when
    WorkflowExecution.objects.filter(
        pk=execution.execution_id, status=ExecutionStatus.PENDING
    ).update(announced_at=when)
    notify_changed([execution.execution_id])


@lru_cache(maxsize=1)
def announcer() -> Announcer:
    """Return this process's announcer."""
    return Announcer()
