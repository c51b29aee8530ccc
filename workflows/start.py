"""From a command to run a workflow to the monitor's request for an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swf_common_lib.errors import InvalidRequest
from swf_common_lib.messages import Message


def start_body(command: Message, namespace: str, runner: str) -> dict[str, Any]:
    """Give the body of ``POST /api/workflow-executions/start/`` for a ``run_workflow`` command.

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
