"""Broadcasting a message in the name of a caller."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from mcp_server.answers.finding_texts import advice, sentence
from mcp_server.answers.results import Result
from monitor.diagnosis.prospects import namespace_unserved
from monitor.executions.announcer import announcer
from monitor.executions.control import find
from monitor.records.transitions import record_event
from swf_common_lib.config import load_testbed_file
from swf_common_lib.config.testbed_file import namespace_problem
from swf_common_lib.errors import InvalidRequest
from swf_common_lib.messages import parse_message, utc_now
from swf_common_lib.messaging import BROADCAST
from swf_common_lib.settings import Settings

_OURS = ("msg_type", "message_id", "sender", "namespace", "execution_id", "run_id", "timestamp")


class Sent(Result):
    """A message that was sent."""

    message_id: str
    destination: str
    message: dict[str, Any]
    note: str | None = None
    """Why perhaps nobody acts on it, or not yet."""


def send(
    settings: Settings,
    user: str,
    *,
    message_type: str,
    content: Mapping[str, Any],
    namespace: str,
    execution_id: str,
    run_id: str,
) -> Sent:
    """Record who broadcasts a message, and broadcast it.

    Raises InvalidRequest for a body that its type does not permit, NotFound for an unknown
    execution, BrokerUnavailable when the broker is down. When it raises, nothing is sent.
    """
    if doubled := [name for name in content if name in _OURS]:
        raise InvalidRequest(
            f"content cannot set {', '.join(doubled)}",
            "message_type, namespace, execution_id and run_id are arguments of their own.",
        )
    if execution_id:
        namespace = namespace or find(execution_id).namespace
    namespace = namespace or load_testbed_file(settings.swf_testbed_config).namespace
    if problem := namespace_problem(namespace):
        raise InvalidRequest(problem)
    body = {
        **content,
        "msg_type": message_type,
        "message_id": str(uuid.uuid4()),
        "sender": f"mcp-{user}",
        "namespace": namespace,
        "execution_id": execution_id,
        "run_id": run_id,
        "timestamp": utc_now(),
    }
    parse_message(body)
    unserved = namespace_unserved(namespace)
    notes = [f"{sentence(unserved)}. Next: {advice(unserved)}" if unserved else ""]
    announcer().require_broker()
    record_event(
        execution_id,
        "message_sent",
        actor=user,
        via="mcp",
        reason=f"{message_type} {body['message_id']}",
    )
    if not announcer().broadcast(body):
        notes.append("the broker has not confirmed it yet: it is sent as soon as it takes it")
    return Sent(
        message_id=body["message_id"],
        destination=str(BROADCAST),
        message=body,
        note="; ".join(note for note in notes if note) or None,
    )
