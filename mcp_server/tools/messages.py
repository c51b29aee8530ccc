"""What was said on the broker, and saying something."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.answers.arguments import Cursor, Format, Limit, Name, Since, Until
from mcp_server.answers.pages import ListResult, listed
from mcp_server.answers.results import Result, answer
from mcp_server.answers.tool import TestbedTool, read_tool, write_tool
from mcp_server.callers import ToolContext, application_of, caller_of
from mcp_server.views.messages import message_detail, message_items
from mcp_server.views.sending import Sent, send
from monitor.records.models import WorkflowMessage
from monitor.records.queries.selections import MESSAGES
from swf_common_lib.errors import InvalidRequest, NotFound


class MessageView(Result):
    """A message as a whole."""

    message: dict[str, Any]


async def list_messages(
    context: ToolContext,
    execution_id: Name = "",
    run_id: Name = "",
    sender: Name = "",
    message_type: Annotated[Name, Field(examples=["stf_gen,stf_ready"])] = "",
    namespace: Name = "",
    since: Since = "",
    until: Until = "",
    order: Annotated[
        Literal["", "newest", "oldest"],
        Field(description="Default: oldest with execution_id or run_id, else newest."),
    ] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, ListResult]:
    """List what workflows, agents and workers said, step by step. Next: get_message for a body."""
    newest_first = order == "newest" if order else not (execution_id or run_id)
    # In sent order an index gives the messages of one execution, however many others there are.
    column = "sent_at" if execution_id and "," not in execution_id else "newest"
    params = {
        "execution_id": execution_id,
        "run_id": run_id,
        "sender_agent": sender,
        "message_type": message_type,
        "namespace": namespace,
        "since": since,
        "until": until,
        "ordering": f"-{column}" if newest_first else column,
    }
    known = {name for name, value in params.items() if value and "," not in value}
    detailed = format == "detailed"
    return await listed(
        application_of(context),
        MESSAGES,
        params,
        limit,
        cursor,
        lambda rows: (
            [message_detail(row) for row in rows] if detailed else message_items(rows, known)
        ),
    )


async def get_message(
    context: ToolContext,
    id: Annotated[int | None, Field(ge=1, le=2**63 - 1, description="As listed.")] = None,  # noqa: A002
    message_id: Annotated[str, Field(max_length=200, description="Or the sender's UUID.")] = "",
) -> Annotated[CallToolResult, MessageView]:
    """Get one message with its body (50 kB of it). Next: list_messages for what came around it."""
    view = await application_of(context).database(_message, id, message_id)
    return answer(view, f"{view.message['type']} from {view.message.get('sender', '?')}")


async def send_message(
    context: ToolContext,
    message_type: Annotated[str, Field(min_length=1, max_length=100, examples=["note"])],
    content: Annotated[dict[str, Any] | None, Field(description="Further fields.")] = None,
    namespace: Annotated[str, Field(max_length=100, description="Empty: the default.")] = "",
    execution_id: Annotated[str, Field(max_length=250)] = "",
    run_id: Annotated[str, Field(max_length=50)] = "",
) -> Annotated[CallToolResult, Sent]:
    """Broadcast a message to all agents (/topic/epictopic): they act on it as on any other.

    To start or stop use start_workflow, stop_workflow. Next: get_message with its message_id.
    """
    application = application_of(context)
    sent = await application.database(
        send,
        application.settings,
        caller_of(context).name,
        message_type=message_type,
        content=content or {},
        namespace=namespace,
        execution_id=execution_id,
        run_id=run_id,
    )
    note = f"; {sent.note}" if sent.note else ""
    return answer(sent, f"{message_type} is sent as {sent.message_id}{note}")


def _message(number: int | None, message_id: str) -> MessageView:
    if (number is None) == (not message_id):
        raise InvalidRequest("give either id or message_id", "list_messages shows ids.")
    rows = WorkflowMessage.objects.all()
    rows = rows.filter(pk=number) if number is not None else rows.filter(message_id=message_id)
    row = rows.first()
    if row is None:
        newest = WorkflowMessage.objects.order_by("-id").values_list("id", flat=True).first()
        hint = f"The newest has id {newest}." if newest else "There are no messages yet."
        raise NotFound(
            f"there is no message {number if number is not None else message_id!r}",
            f"{hint} One that was just sent is recorded within a second.",
        )
    return MessageView(message=message_detail(row))


def tools() -> list[TestbedTool]:
    """Return the tools of this module."""
    return [
        read_tool(list_messages, "List messages"),
        read_tool(get_message, "Get a message"),
        write_tool(send_message, "Send a message", destructive=True, idempotent=False),
    ]
