"""A runner that a program can use."""

from __future__ import annotations

import atexit
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from swf_common_lib.errors import BrokerUnavailable, TestbedError, WorkflowFailed
from swf_common_lib.settings import Settings, load_settings
from swf_common_lib.states import ExecutionStatus
from workflows.runner.agent import MAX_EXECUTIONS, RunnerAgent
from workflows.runner.execution import Execution
from workflows.runner.executions import RunnerExecutions

OPEN_PATIENCE = 4.0
"""Seconds that ``open`` waits for monitor and broker."""


class WorkflowRunner(RunnerAgent):
    """A runner that a program can use: ``run_workflow`` returns when the workflow has ended.

    ``monitor_url`` replaces the one of ``settings`` (default: this installation's). Used as a
    context manager, or closed with ``close``, or at the end of the program.
    """

    def __init__(
        self,
        monitor_url: str = "",
        *,
        settings: Settings | None = None,
        namespace: str = "",
        max_executions: int = MAX_EXECUTIONS,
        serves_starts: bool = False,
    ) -> None:
        settings = settings or load_settings()
        if monitor_url:
            url = monitor_url.rstrip("/")
            settings = settings.model_copy(
                update={"swf_monitor_url": url, "swf_monitor_http_url": url}
            )
        super().__init__(
            settings, namespace, max_executions=max_executions, serves_starts=serves_starts
        )
        self._loop: threading.Thread | None = None

    def __enter__(self) -> WorkflowRunner:
        """Open it."""
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def open(self) -> None:
        """Connect to monitor and broker, and take commands about executions in hand.

        Does nothing when it is open. Raises MonitorUnavailable or BrokerUnavailable after
        ``OPEN_PATIENCE`` seconds.
        """
        if self._loop is not None:
            return
        self.stopping.clear()
        # A new one each time: one that was shut down accepts no execution.
        self.executions = RunnerExecutions(self.settings, self._wake)
        self.monitor.patience = OPEN_PATIENCE / 2
        # Connecting goes on until it succeeds or the agent is to stop.
        alarm = threading.Timer(OPEN_PATIENCE, self.stopping.set)
        alarm.daemon = True
        alarm.start()
        try:
            self._start()
        except TestbedError:
            self._stop()
            raise
        finally:
            alarm.cancel()
        if not self.bus.connected:
            detail = self.bus.status().detail
            self._stop()
            raise BrokerUnavailable(
                detail,
                "Start the broker (testbed start-local), or correct ACTIVEMQ_HOST and so on.",
            )
        self._loop = threading.Thread(target=self._work_until_stopped, name="runner", daemon=True)
        self._loop.start()
        atexit.register(self.close)

    def close(self) -> None:
        """End the executions in hand, and log out at monitor and broker."""
        loop, self._loop = self._loop, None
        if loop is not None:
            atexit.unregister(self.close)
            self.stop()
            loop.join()

    def begin(self, request: Mapping[str, Any]) -> Execution:
        """Start what ``request`` (the fields of ``POST /api/workflow-executions/start/``) says.

        Returns the execution, which has begun. Raises ConfigurationError and the like when the
        monitor refuses it.
        """
        self.open()
        asked = time.monotonic()
        return self.executions.launch(self.claim(request), self.bus, self.name, asked)

    def claim(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create an execution at the monitor, claimed for this runner, and return its record."""
        body = {
            "namespace": self.namespace,
            "executed_by": self.username,
            # Asked twice, as when an answer was lost, the monitor makes one execution.
            "idempotency_key": str(uuid.uuid4()),
            **request,
            "runner": self.name,
        }
        claimed: dict[str, Any] = self.monitor.post("workflow-executions/start/", body)
        return claimed

    def run_workflow(
        self,
        workflow_name: str,
        config_name: str | None = None,
        duration: float = 0,
        realtime: bool = False,
        *,
        speed: float | None = None,
        **overrides: Any,
    ) -> str:
        """Run a workflow to its end and return its execution id.

        ``config_name``: a configuration in ``workflows/`` (default: the workflow's own);
        ``duration``: simulated seconds after which it is ended (0: at its own end);
        ``realtime`` and ``speed`` pace it. ``overrides`` are parameters, such as ``stf_count=5``.
        Raises WorkflowFailed when the workflow fails, ConfigurationError for faulty parameters.
        """
        request: dict[str, Any] = {
            "workflow": workflow_name,
            "config": config_name,
            "duration": duration,
            "realtime": realtime,
            "speed": speed,
            "parameters": overrides,
            "through": "once",
        }
        return self._finish({k: v for k, v in request.items() if v is not None})

    def run_by_name(
        self,
        workflow_name: str,
        version: str | None = None,
        parameter_overrides: Mapping[str, Any] | None = None,
    ) -> str:
        """Run a definition stored in the database to its end and return its execution id.

        A definition that is not there yet is registered from its file. Raises as
        ``run_workflow`` does.
        """
        request: dict[str, Any] = {
            "workflow": workflow_name,
            "parameters": dict(parameter_overrides or {}),
            "from_definition": True,
            "through": "once",
        }
        if version:
            request["version"] = version
        return self._finish(request)

    def _finish(self, request: Mapping[str, Any]) -> str:
        execution = self.begin(request)
        try:
            execution.join()
        except KeyboardInterrupt:
            execution.stop("interrupted at the terminal")
            execution.join()
            raise
        outcome = execution.outcome
        if outcome is not None and outcome.status == ExecutionStatus.FAILED:
            raise WorkflowFailed(
                f"{execution.execution_id} failed: {outcome.error}", outcome.stack_trace
            )
        return execution.execution_id
