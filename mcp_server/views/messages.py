"""What an assistant sees of messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from mcp_server.answers.truncation import shallow
from monitor.records.models import WorkflowMessage
from swf_common_lib.text import given, instant, short

_TELLING = ("filename", "tf_filename", "stf_filename", "total_stf_files", "reason", "error")
"""Fields of a body that tell what a message is about, the first that it has."""
_LISTS = ("slices", "workers")
_ABOUT = 60

Item = dict[str, Any]


def message_items(messages: Sequence[WorkflowMessage], known: Collection[str]) -> list[Item]:
    """Give messages in a line each, without what the filters ``known`` say of all of them."""
    return [_item(message, known) for message in messages]


def message_detail(message: WorkflowMessage) -> Item:
    """Give all of a message."""
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
    for name in _TELLING:
        if value := _plain(body.get(name)):
            return short(value if "filename" in name else f"{name}={value}", _ABOUT)
    return ""


def _plain(value: Any) -> str:
    """Give a text or a number as text; of anything else, which a sender may nest at will, none."""
    return str(value) if isinstance(value, str | int | float) else ""
