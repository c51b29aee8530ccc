"""From a command to run a workflow to the monitor's request for an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swf_common_lib.messages import Message


def start_body(command: Message, namespace: str, runner: str) -> dict[str, Any]:
    """Give the body of ``POST /api/workflow-executions/start/`` for a ``run_workflow`` command.

    The execution is claimed for ``runner`` at once. A command that is delivered twice gives the
    same execution.
    """
    fields: Mapping[str, Any] = command.model_extra or {}
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
    }
    return {name: value for name, value in body.items() if value is not None}
