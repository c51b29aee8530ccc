"""The processing agent: has each complete super time frame processed as a task."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from agents.file_catalogue import dataset_name
from agents.run_parameters import ParametersOfRuns, pace
from agents.task_backends import TaskBackend, TaskRequest, TaskStatus, task_backend
from swf_common_lib.agent_main import run_agent
from swf_common_lib.base_agent import BaseAgent, SubscriptionSpec
from swf_common_lib.messages import StfReady
from swf_common_lib.messaging import BROADCAST, Delivery
from swf_common_lib.roles import PROCESSING
from swf_common_lib.settings import Settings
from swf_common_lib.sizing import TIME_FRAMES_PER_STF

PREFETCH = 2000
"""Deliveries at the agent at once: those of the STFs that wait or are processed stay among them."""


@dataclass
class _Pending:
    task_id: str
    message: StfReady
    deliveries: list[Delivery] = field(default_factory=list)
    """More than one when the announcement was delivered again, over a new connection."""


class ProcessingAgent(BaseAgent):
    """Has each STF processed as a task, where the execution is configured for it.

    The announcement of an STF is acknowledged only when the end of its processing is published:
    after a crash it comes again, and its task is submitted again under the same request.
    """

    agent_type = PROCESSING.agent_type
    description = "processes complete STFs"

    def __init__(self, settings: Settings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.parameters = ParametersOfRuns(self)
        self.tasks: TaskBackend = task_backend(settings.swf_task_backend, lambda: self.bus.wake())
        self._pending: dict[str, _Pending] = {}
        self._asked = 0.0

    def subscriptions(self) -> list[SubscriptionSpec]:
        """Return the subscription to broadcasts; many are unacknowledged while their tasks run."""
        return [
            SubscriptionSpec(
                BROADCAST, prefetch=PREFETCH, durable=self.role, selector=self.interest
            )
        ]

    def started(self) -> None:
        """Log which task backend is used."""
        self.logger.info("tasks: %s", self.tasks.description)

    def on_stf_ready(self, message: StfReady) -> None:
        """Submit the STF's task."""
        parameters = self.parameters.of(message)
        if parameters.stf_processing_time is None:
            return
        request = TaskRequest(
            request_id=f"{self.namespace}/{message.run_id}/{message.filename}",
            dataset=dataset_name(message.run_id),
            lfn=message.filename,
            tf_count=TIME_FRAMES_PER_STF if message.tf_count is None else message.tf_count,
            processing_time=parameters.stf_processing_time,
            time_scale=pace(message),
        )
        task_id, duplicate = self.tasks.submit(request)
        if duplicate:
            self.logger.info("%s has its task %s already", message.filename, task_id)
        pending = self._pending.setdefault(request.request_id, _Pending(task_id, message))
        pending.deliveries.append(self.hold())

    def tick(self) -> None:
        """Announce the STFs whose tasks have finished."""
        now = time.monotonic()
        if not self._pending or now - self._asked < self.tasks.poll_interval:
            return
        self._asked = now
        for request_id, pending in list(self._pending.items()):
            status = self.tasks.status(pending.task_id)
            if status.final:
                self._announce(pending, status)
                del self._pending[request_id]

    def stopped(self) -> None:
        """Cancel the running tasks; the messages of their STFs go to the next agent."""
        self.tasks.close()

    def heartbeat_metadata(self) -> dict[str, Any]:
        """Return the task backend's description, and how many STFs are being processed."""
        return {"tasks": self.tasks.description, "stfs_in_process": len(self._pending)}

    def _announce(self, pending: _Pending, status: TaskStatus) -> None:
        message = pending.message
        error = "" if status is TaskStatus.DONE else self._reason(pending.task_id, status)
        if error:
            self.logger.error("processing of %s failed: %s", message.filename, error)
        self.broadcast(
            "processing_complete",
            message,
            discriminator=message.filename,
            filename=message.filename,
            task_id=pending.task_id,
            error=error,
            output=self._output(pending.task_id),
        )
        self.total_stf_processed += 1
        self.release(pending.deliveries)

    def _reason(self, task_id: str, status: TaskStatus) -> str:
        errors = [job.error for job in self.tasks.jobs(task_id) if job.error]
        return "; ".join(errors) or f"its task {task_id} is {status.value}"

    def _output(self, task_id: str) -> dict[str, str | int]:
        return next((job.output for job in self.tasks.jobs(task_id)), {})


if __name__ == "__main__":
    raise SystemExit(run_agent(ProcessingAgent))
