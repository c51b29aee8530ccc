"""What an assistant sees of messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from mcp_server.answers.truncation import shallow
from monitor.records.models import WorkflowMessage
from swf_common_lib.text import given, instant, short

_SUBJECTS = ("filename", "tf_filename", "stf_filename", "total_stf_files", "reason", "error")
"""Fields of a body that say what the message is about; the first one present is shown."""
_LISTS = ("slices", "workers")
_ABOUT = 60

Item = dict[str, Any]


def message_items(messages: Sequence[WorkflowMessage], known: Collection[str]) -> list[Item]:
    """Return messages as short items, without fields that the filters ``known`` fix."""
    return [_item(message, known) for message in messages]


def message_detail(message: WorkflowMessage) -> Item:
    """Return everything about a message."""
    return given(
        id=message.pk,
        type=message.message_type,
        sender=message.sender_agent,
        at=instant(message.sent_at, "milliseconds"),
        received_at=instant(message.received_at, "milliseconds"),
        execution_id=message.execution_id,
        run_id=message.run_id,
        namespace=message.namespace,
        destination=message.destination,
        message_id=message.message_id,
        problem=message.problem,
        content=shallow(message.content),
    )


def _item(message: WorkflowMessage, known: Collection[str]) -> Item:
    body = message.content if isinstance(message.content, dict) else {}
    tick = body.get("simulation_tick")
    narrowed = "execution_id" in known or "run_id" in known
    return given(
        id=message.pk,
        type=message.message_type,
        sender=None if "sender_agent" in known else message.sender_agent,
        at=instant(message.sent_at, "milliseconds"),
        execution_id=None if narrowed else message.execution_id,
        tick=round(tick, 3) if narrowed and isinstance(tick, int | float) else None,
        state="/".join(_plain(body.get(key)) for key in ("state", "substate") if body.get(key))
        if narrowed and message.message_type.endswith("_run")
        else None,
        about=_about(body),
        problem=short(message.problem, _ABOUT),
    )


def _about(body: dict[str, Any]) -> str:
    for name in _LISTS:
        if isinstance(body.get(name), list):
            return f"{len(body[name])} {name}"
    for name in _SUBJECTS:
        if value := _plain(body.get(name)):
            return short(value if "filename" in name else f"{name}={value}", _ABOUT)
    return ""


def _plain(value: Any) -> str:
    """Return a text or number as text; an empty text for lists and tables, of any size."""
    return str(value) if isinstance(value, str | int | float) else ""
