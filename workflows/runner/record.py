"""The monitor's record of an execution, as the runner that claimed it reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swf_common_lib.errors import InvalidRequest, WorkflowFailed
from swf_common_lib.messages import UNPACED, Message
from workflows.runner.source import WorkflowSource

REALTIME = 1.0


@dataclass(frozen=True)
class ExecutionRecord:
    """What the runner needs to carry out a claimed execution."""

    execution_id: str
    namespace: str
    source: WorkflowSource
    config: dict[str, Any]
    """The expanded configuration, a table a section."""
    speed: float
    """Simulated seconds a wall second; ``UNPACED`` (0): as fast as it goes."""
    duration: float
    """Simulated seconds after which it is ended; 0: at its own end."""
    commit: str = ""
    """Commit of the source tree, where known."""
    run_number: int | None = None
    """Given out with the claim, for the execution's first run."""

    @classmethod
    def from_json(cls, claimed: Mapping[str, Any]) -> ExecutionRecord:
        """Read the monitor's answer to a claim. Raises WorkflowFailed when it lacks the code."""
        options = claimed.get("options") or {}
        config = claimed.get("parameter_values") or {}
        execution_id = str(claimed["execution_id"])
        text = claimed.get("source_text")
        if not text:
            raise WorkflowFailed(f"the record of {execution_id} holds no workflow code")
        name = claimed.get("workflow_name") or execution_id.rsplit("-", 2)[0]
        default = REALTIME if options.get("realtime") else UNPACED
        speed = options.get("speed")
        return cls(
            execution_id=execution_id,
            namespace=str(claimed.get("namespace", "")),
            source=WorkflowSource(str(name), str(text)),
            config={section: dict(table) for section, table in config.items()},
            speed=float(default if speed is None else speed),
            duration=float(options.get("duration") or 0.0),
            commit=str((claimed.get("source") or {}).get("commit", "")),
            run_number=claimed.get("reserved_run_number"),
        )


def start_body(command: Message, namespace: str, runner: str) -> dict[str, Any]:
    """Return the body of ``POST /api/workflow-executions/start/`` for a ``run_workflow`` command.

    The execution is claimed for ``runner`` at once. A command that is delivered twice gives the
    same execution. Raises InvalidRequest for a command that does not say what to run.
    """
    fields: Mapping[str, Any] = command.model_extra or {}
    if not any(fields.get(name) for name in ("workflow_name", "config", "config_text")):
        raise InvalidRequest(
            "run_workflow names neither a workflow nor a configuration",
            'Give workflow_name, such as "stf_datataking", or config.',
        )
    params = fields.get("params")
    body = {
        "workflow": fields.get("workflow_name"),
        "config": fields.get("config"),
        "namespace": command.namespace or namespace,
        "parameters": {} if params is None else params,
        "realtime": fields.get("realtime", False),
        "speed": fields.get("speed"),
        "duration": fields.get("duration") or 0,
        "executed_by": fields.get("executed_by") or "",
        "through": "message",
        "idempotency_key": command.message_id,
        "runner": runner,
        "config_text": fields.get("config_text"),
        "version": fields.get("version"),
        "testbed_name": fields.get("testbed_name"),
        "testbed_text": fields.get("testbed_text"),
    }
    return {name: value for name, value in body.items() if value is not None}
