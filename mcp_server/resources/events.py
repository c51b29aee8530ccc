"""The newest events as a resource: who did what, also where it belongs to no execution."""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Max, Q
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError

from mcp_server.answers.truncation import MOST_BYTES, size_of, that_fit
from mcp_server.application import Application
from monitor.executions.refusals import START_REFUSED
from monitor.records.models import SystemStateEvent
from swf_common_lib.errors import TestbedError
from swf_common_lib.text import given, instant, short

URI = "testbed://events"
_MOST = 200
_LOOKED_THROUGH = 100_000
"""Rows that are searched at most: between the events are rows of messages, in any number."""


def add_event_resource(server: MCPServer[Application], application: Application) -> None:
    """Add the resource to ``server``."""

    @server.resource(
        URI,
        title="Events",
        description=f"The newest {_MOST} changes and acts, newest first: executions, agents "
        "started and stopped, messages sent, tokens; who, through what, why. What agents said is "
        "in list_messages.",
        mime_type="application/json",
    )
    async def events() -> str:
        try:
            return await application.database(newest_events)
        except TestbedError as error:
            raise ResourceError(str(error)) from error


_OF_A_MESSAGE = Q(via="message") & ~Q(event_type=START_REFUSED)
"""What is in the list of messages already: a start that was refused started nothing there."""


def newest_events() -> str:
    """Return as JSON the newest events that come from no message, as many as fit into an answer."""
    newest = SystemStateEvent.objects.aggregate(newest=Max("id"))["newest"] or 0
    rows = SystemStateEvent.objects.filter(id__gt=newest - _LOOKED_THROUGH).exclude(_OF_A_MESSAGE)
    room = MOST_BYTES - size_of({"events": []})
    items = that_fit((_item(row) for row in rows.order_by("-id")[:_MOST]), room)
    return json.dumps({"events": items}, ensure_ascii=False, separators=(",", ":"))


def _item(row: SystemStateEvent) -> dict[str, Any]:
    data = row.event_data if isinstance(row.event_data, dict) else {}
    return given(
        at=instant(row.timestamp, "milliseconds"),
        event=row.event_type,
        execution_id=row.execution_id,
        run_number=row.run_number,
        actor=row.actor,
        via=row.via,
        reason=short(str(data.get("reason") or ""), 500),
    )
