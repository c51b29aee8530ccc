"""The executions that a runner has in hand."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from swf_common_lib.errors import Conflict
from swf_common_lib.messaging import MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings
from swf_common_lib.states import EndCause
from workflows.runner.client_pool import ClientPool
from workflows.runner.execution import Execution, Services
from workflows.runner.lease_guard import LeaseGuard
from workflows.runner.record import ExecutionRecord

ENDING_PATIENCE = 5.0
"""Seconds that executions get to end, and their ends to be reported, when the runner stops."""
LAST_PATIENCE = 1.0
REMEMBERED = 1000
"""Executions that are not run again, should the answer to their claim come late."""

AnyExecution = TypeVar("AnyExecution", bound=Execution)
Ended = Callable[[Execution], None]
Maker = Callable[[ExecutionRecord, Services, MonitorClient, Ended], AnyExecution]


class RunnerExecutions:
    """Starts executions, each in its thread, and holds those that have not ended.

    ``changed()`` is called, on any thread, when one has ended.
    """

    def __init__(self, settings: Settings, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._changed = changed
        self.lease_guard = LeaseGuard()
        self._give_up = threading.Event()
        self._clients = ClientPool(settings, 0.0, self._give_up)
        self._executions: dict[str, Execution] = {}
        self._taken: deque[str] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()
        self._closing_reason = ""

    def launch(
        self, claimed: Mapping[str, Any], bus: MessageBus, runner: str, asked: float
    ) -> Execution:
        """Start a claimed execution that was asked for at monotonic time ``asked``.

        Raises WorkflowFailed when its record cannot be run, Conflict when it was taken before.
        """
        execution = self.take_in(Execution, claimed, bus, runner)
        execution.asked = asked
        execution.start()
        if self._closing_reason:
            execution.stop(self._closing_reason, cause=EndCause.RUNNER_STOPPED)
        return execution

    def take_in(
        self, make: Maker[AnyExecution], claimed: Mapping[str, Any], bus: MessageBus, runner: str
    ) -> AnyExecution:
        """Return an execution made from a claimed record; it is in hand until it has ended.

        Raises Conflict when that was done before: it may be announced twice.
        """
        record = ExecutionRecord.from_json(claimed)
        with self._lock:
            if record.execution_id in self._taken:
                raise Conflict(f"{record.execution_id} is, or was, in hand here already")
            self._taken.append(record.execution_id)
        client = self._clients.take()

        def ended(execution: Execution) -> None:
            with self._lock:
                self._executions.pop(execution.execution_id, None)
            self._clients.give_back(client)
            self._changed()

        services = Services(self._settings, bus, runner, self._give_up, self.lease_guard)
        execution = make(record, services, client, ended)
        with self._lock:
            self._executions[record.execution_id] = execution
        return execution

    def knows(self, execution_id: str) -> bool:
        """Return whether an execution is in hand or was recently."""
        return execution_id in self._taken

    def get(self, execution_id: str) -> Execution | None:
        """Return an execution that is in hand."""
        return self._executions.get(execution_id)

    def all(self) -> list[Execution]:
        """Return all that are in hand, the oldest first."""
        with self._lock:
            return list(self._executions.values())

    def __len__(self) -> int:
        return len(self._executions)

    def shut_down(self, reason: str) -> None:
        """Stop all of them within ``ENDING_PATIENCE`` + ``LAST_PATIENCE`` seconds."""
        with self._lock:
            self._closing_reason = reason
        for execution in self.all():
            execution.stop(reason, cause=EndCause.RUNNER_STOPPED)
        self._join(ENDING_PATIENCE)
        self._give_up.set()
        for execution in self.all():
            execution.force_end(reason)
        self._join(LAST_PATIENCE)

    def _join(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        for execution in self.all():
            execution.join(max(0.0, deadline - time.monotonic()))
