"""One execution in the runner: a workflow's process, its clock, its thread, its record."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import simpy

from swf_common_lib.errors import (
    BrokerUnavailable,
    ConfigurationError,
    InvalidRequest,
    MonitorUnavailable,
)
from swf_common_lib.messaging import Latency, MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings
from swf_common_lib.states import TERMINAL, EndCause, ExecutionStatus
from workflows.runner.clock import Clock, Ending
from workflows.runner.environment import execution_environment
from workflows.runner.handle import RunnerHandle
from workflows.runner.http_session import WorkflowSession
from workflows.runner.lease_guard import LeaseGuard
from workflows.runner.record import ExecutionRecord
from workflows.runner.reporter import Reporter
from workflows.runner.source import make_process

UNCONFIRMED_MOST = 5_000
"""Messages that the broker may owe us a confirmation for before simulated time waits for it."""
UNCONFIRMED_LOOK = 128
"""Messages between two looks at their number."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """What the executions of a runner share."""

    settings: Settings
    bus: MessageBus
    runner: str
    """Name of the runner: the sender of its executions' messages."""
    give_up: threading.Event
    """Set when the runner can no longer wait for broker and monitor."""
    lease_guard: LeaseGuard


@dataclass(frozen=True)
class Outcome:
    """How an execution ended."""

    status: str
    cause: EndCause
    reason: str = ""
    error: str = ""
    stack_trace: str = ""


class _TimedBus:
    """The bus as an execution uses it: it measures how long its own messages take."""

    def __init__(self, bus: MessageBus, latency: Latency) -> None:
        self._bus, self._latency = bus, latency

    def publish(self, destination: str, body: Mapping[str, Any], /) -> int:
        """Publish a message."""
        return self._bus.publish(destination, body, latency=self._latency)


class Execution:
    """Runs one claimed record in a thread of its own, from its first event to its last report.

    ``status`` was reported to the monitor, or is about to be. ``ended(execution)`` is called
    on the execution's thread when all is reported.
    """

    def __init__(
        self,
        record: ExecutionRecord,
        services: Services,
        client: MonitorClient,
        ended: Callable[[Execution], None],
        env: simpy.Environment | None = None,
    ) -> None:
        self.record = record
        self.execution_id = record.execution_id
        self.status: str = ExecutionStatus.RUNNING
        self.outcome: Outcome | None = None
        self.env = env or simpy.Environment()
        self.clock = Clock(
            self.env,
            record.speed,
            on_pause=self._paused,
            on_resume=self._resumed,
            congested=self._congested,
        )
        settings = services.settings
        self._latency = Latency()
        self.handle = RunnerHandle(
            _TimedBus(services.bus, self._latency),
            sender=services.runner,
            namespace=record.namespace,
            execution_id=record.execution_id,
            tick=lambda: float(self.env.now),
            time_scale=lambda: self.clock.speed,
            monitor_url=settings.swf_monitor_url,
            api_session=WorkflowSession(
                settings.swf_monitor_url,
                settings.swf_api_token,
                self.clock.wait_stop,
                record.run_number,
                settings.swf_monitor_ca_certs,
            ),
            logger=logging.getLogger(f"workflow.{record.source.workflow_name}"),
        )
        self._services = services
        self._ended = ended
        self._reporter = Reporter(client, record.execution_id, services.give_up)
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, Callable[[str], None]]] = []
        self._stop_reason = ""
        self._stop_cause = EndCause.STOPPED
        self._executed: Outcome | None = None
        self._next_look = UNCONFIRMED_LOOK
        self._began = time.monotonic()
        self.asked = self._began
        """Monotonic time at which the runner had the command to start it."""
        self._thread = threading.Thread(
            target=self._run, name=f"execution {record.execution_id}", daemon=True
        )

    # From any thread

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it has ended and is reported; return False after ``timeout`` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def stop(
        self,
        reason: str,
        reached: Callable[[str], None] = lambda status: None,
        *,
        cause: EndCause = EndCause.STOPPED,
    ) -> None:
        """Stop it; ``reached(status)`` is called once it has ended."""
        if not self._stop_reason:
            self._stop_reason, self._stop_cause = reason, cause
        self._when(ExecutionStatus.TERMINATED, reached)
        self.clock.stop(reason)

    def pause(self, reason: str, reached: Callable[[str], None] = lambda status: None) -> None:
        """Pause it; ``reached(status)`` is called once it is paused, or has ended."""
        self._when(ExecutionStatus.PAUSED, reached)
        self.clock.pause(reason)

    def resume(self, reached: Callable[[str], None] = lambda status: None) -> None:
        """Resume it; ``reached(status)`` is called once it runs, or has ended."""
        self._when(ExecutionStatus.RUNNING, reached)
        self.clock.resume()

    def abandon(self, reason: str) -> None:
        """End it without messages or reports: its record was ended by another process."""
        if self.status not in TERMINAL:
            self.handle.muted = True
            self.outcome = Outcome(ExecutionStatus.TERMINATED, EndCause.RUNNER_LOST, reason)
            self.clock.stop(reason)
            for reached in self._waiters(ExecutionStatus.TERMINATED):
                reached(ExecutionStatus.TERMINATED)

    def force_end(self, reason: str) -> None:
        """End it from another thread: its code, or the broker, keeps its own thread waiting."""
        self.handle.close_run(reason)
        self.handle.muted = True
        if self._executed is None:
            reason = f"{reason}; the workflow's code did not answer"
        cause = self._stop_cause if self._stop_reason else EndCause.RUNNER_STOPPED
        self._conclude(self._executed or Outcome(ExecutionStatus.TERMINATED, cause, reason))

    def describe(self) -> dict[str, Any]:
        """Return a short description of its state."""
        return {
            "execution_id": self.execution_id,
            "status": self.status,
            "workflow_name": self.record.source.workflow_name,
            "namespace": self.record.namespace,
            "run_id": self.handle.run_id,
            "state": self.handle.state,
            "substate": self.handle.substate,
            "simulation_tick": self.clock.tick,
            "stf_files": self.handle.stf_files,
            "messages_sent": self.handle.messages_sent,
        }

    # On its own thread

    def _run(self) -> None:
        try:
            self._finish(self._execute())
        finally:
            self.handle.api_session.close()
            self._ended(self)

    def _finish(self, outcome: Outcome) -> None:
        """Close the run, wait until its messages are confirmed, and close the record."""
        self._executed = outcome
        if self.outcome is None:
            self._close_run(outcome)
            self._confirm()
            self._conclude(outcome)
        self._reporter.close()

    def _execute(self) -> Outcome:
        record, log = self.record, self.handle.logger
        log.info("%s starts", record.execution_id)
        try:
            process = make_process(
                record.source, record.config, self.handle, record.execution_id, self.env
            )
            ending = self.clock.run(process, record.duration)
        except MonitorUnavailable as error:
            if self.clock.stopping:
                return Outcome(ExecutionStatus.TERMINATED, self._stop_cause, self._stop_reason)
            return self._failed(error)
        except (Exception, SystemExit) as error:  # whatever a workflow raises is its failure
            record.source.trim(error)
            log.exception("%s failed", record.execution_id)
            return self._failed(error)
        return self._outcome_of(ending)

    def _outcome_of(self, ending: Ending) -> Outcome:
        if ending.reason and not ending.limit_reached:
            return Outcome(ExecutionStatus.TERMINATED, self._stop_cause, ending.reason)
        reached = EndCause.DURATION_REACHED if ending.limit_reached else EndCause.FINISHED
        return Outcome(ExecutionStatus.COMPLETED, reached, ending.reason)

    def _failed(self, error: BaseException) -> Outcome:
        text = f"{type(error).__name__}: {error}"
        unusable = isinstance(error, ConfigurationError | InvalidRequest)
        cause = EndCause.CONFIGURATION if unusable else EndCause.WORKFLOW_RAISED
        return Outcome(
            ExecutionStatus.FAILED,
            cause,
            error=text,
            stack_trace=self.record.source.traceback(error),
        )

    def _close_run(self, outcome: Outcome) -> None:
        reason = outcome.reason or (outcome.error and f"the workflow failed: {outcome.error}")
        self.handle.close_run(reason)

    def _confirm(self) -> None:
        """Wait until the broker has all messages: an execution has not ended before."""
        bus = self._services.bus
        last = bus.published  # others publish on
        while not self._services.give_up.is_set():
            try:
                bus.flush(0.5, last)
            except BrokerUnavailable:
                continue
            return

    def _conclude(self, outcome: Outcome) -> None:
        with self._lock:
            if self.outcome is not None:
                return
            self.outcome = outcome
        changes = {
            "status": outcome.status,
            "end_time": datetime.now(timezone.utc).isoformat(),
            "status_reason": outcome.reason,
            "end_cause": outcome.cause,
            "performance_metrics": self._metrics(),
            "execution_environment": execution_environment(
                self._services.settings, self.record, self._services.runner
            ),
        }
        if outcome.error:
            changes["error_message"] = outcome.error
            changes["stack_trace"] = outcome.stack_trace
        reason = f": {outcome.reason}" if outcome.reason else ""
        self.handle.logger.info("%s is %s%s", self.execution_id, outcome.status, reason)
        self._reach(outcome.status, changes)

    def _metrics(self) -> dict[str, Any]:
        wall = max(time.monotonic() - self._began, 1e-6)
        latency = self._latency
        first = self.handle.first_sent
        return {
            "first_broadcast_ms": None if first is None else round(1000 * (first - self.asked), 3),
            "simulated_seconds": round(float(self.env.now), 6),
            "wall_seconds": round(wall, 6),
            "messages_sent": self.handle.messages_sent,
            "stf_files": self.handle.stf_files,
            "message_rate": round(self.handle.messages_sent / wall, 3),
            "stf_rate": round(self.handle.stf_files / wall, 3),
            "publish_latency_ms": {
                "mean": round(1000 * latency.mean, 3),
                "max": round(1000 * latency.longest, 3),
            },
        }

    def _congested(self) -> bool:
        if self._services.lease_guard.suspended():
            return True
        sent = self.handle.messages_sent
        if sent < self._next_look:
            return False
        if self._services.bus.status().unconfirmed > UNCONFIRMED_MOST:
            return True
        self._next_look = sent + UNCONFIRMED_LOOK
        return False

    def _paused(self, reason: str) -> None:
        self.handle.hold_run(reason)
        self._reach(
            ExecutionStatus.PAUSED, {"status": ExecutionStatus.PAUSED, "status_reason": reason}
        )

    def _resumed(self) -> None:
        self.handle.continue_run()
        self._reach(
            ExecutionStatus.RUNNING, {"status": ExecutionStatus.RUNNING, "status_reason": ""}
        )

    # Who waits for a status

    def _when(self, status: str, reached: Callable[[str], None]) -> None:
        with self._lock:
            if self.status not in (status, *TERMINAL):
                self._waiting.append((status, reached))
                return
        reached(self.status)

    def _reach(self, status: str, changes: dict[str, Any]) -> None:
        callbacks = self._waiters(status)

        def tell() -> None:
            for reached in callbacks:
                reached(status)

        self._reporter.report(changes, tell)

    def _waiters(self, status: str) -> list[Callable[[str], None]]:
        """Set the status, and return the callbacks that waited for it, each once."""
        with self._lock:
            self.status = status
            final = status in TERMINAL
            callbacks = [reached for wanted, reached in self._waiting if final or wanted == status]
            self._waiting = [
                waiting for waiting in self._waiting if not (final or waiting[0] == status)
            ]
        return callbacks
