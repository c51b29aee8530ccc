"""Looking at what was said on the broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.arguments import Cursor, Format, Limit, NamespaceFilter, Since, Until
from mcp_server.callers import ToolContext, application_of
from mcp_server.listing import ListResult, read_rows
from mcp_server.results import Result, answer
from mcp_server.tool import TestbedTool, read_tool
from monitor.records.filters import MESSAGES
from monitor.records.models import WorkflowMessage

_TELLING = ("filename", "tf_filename", "stf_filename", "sequence", "total_stf_files", "reason")
"""Fields of a body that tell what a message is about."""


class MessageItem(Result):
    """A message."""

    id: int
    message_type: str
    sender: str | None = None
    sent_at: datetime
    execution_id: str | None = None
    run_id: str | None = None
    tick: float | None = None
    state: str | None = None
    about: dict[str, Any] | None = None
    problem: str | None = None
    namespace: str | None = None
    destination: str | None = None
    message_id: str | None = None
    content: dict[str, Any] | None = None


class MessageList(ListResult):
    """Messages in the order of their arrival, or the newest first."""

    items: list[MessageItem]


async def list_messages(
    context: ToolContext,
    execution_id: Annotated[
        str,
        Field(
            max_length=250,
            description="Only of this execution.",
            examples=["stf_datataking-maria-0007"],
        ),
    ] = "",
    run_id: Annotated[
        str, Field(max_length=50, description="Only of this run.", examples=["100012"])
    ] = "",
    sender: Annotated[
        str,
        Field(max_length=100, description="Only from this agent.", examples=["data-agent-maria-1"]),
    ] = "",
    message_type: Annotated[
        str,
        Field(
            max_length=300,
            description="stf_gen, stf_ready, slice_status, end_run ...; comma-separated.",
            examples=["stf_gen,stf_ready"],
        ),
    ] = "",
    namespace: NamespaceFilter = "",
    since: Since = "",
    until: Until = "",
    newest_first: Annotated[
        bool | None,
        Field(
            description="Default: in order of arrival with execution_id or run_id, "
            "else newest first.",
            examples=[True],
        ),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, MessageList]:
    """List messages of workflows, agents and workers: what happened, step by step.

    detailed gives the whole bodies. Next: narrow down by sender, type or time.
    """
    if newest_first is None:
        newest_first = not (execution_id or run_id)
    params = {
        "execution_id": execution_id,
        "run_id": run_id,
        "sender_agent": sender,
        "message_type": message_type,
        "namespace": namespace,
        "since": since,
        "until": until,
        "ordering": "-newest" if newest_first else "newest",
    }
    rows = await application_of(context).database(
        read_rows,
        MESSAGES,
        params,
        limit,
        cursor,
        lambda found: _items(found, format == "detailed"),
    )
    return answer(MessageList(**vars(rows)), rows.summary("messages"))


def _items(messages: Sequence[WorkflowMessage], detailed: bool) -> list[MessageItem]:
    return [_item(message, detailed) for message in messages]


def _item(message: WorkflowMessage, detailed: bool) -> MessageItem:
    body = message.content if isinstance(message.content, dict) else {}
    tick = body.get("simulation_tick")
    state = "/".join(str(body[key]) for key in ("state", "substate") if body.get(key))
    item = MessageItem(
        id=message.pk,
        message_type=message.message_type,
        sender=message.sender_agent or None,
        sent_at=message.sent_at,
        execution_id=message.execution_id or None,
        run_id=message.run_id or None,
        tick=tick if isinstance(tick, int | float) else None,
        state=state or None,
        problem=message.problem or None,
    )
    if not detailed:
        about = {key: body[key] for key in _TELLING if body.get(key) not in (None, "")}
        if isinstance(body.get("slices"), list):
            about["slices"] = len(body["slices"])
        return item.model_copy(update={"about": about or None})
    return item.model_copy(
        update={
            "namespace": message.namespace or None,
            "destination": message.destination,
            "message_id": message.message_id,
            "content": body,
        }
    )


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [read_tool(list_messages, "List messages")]
