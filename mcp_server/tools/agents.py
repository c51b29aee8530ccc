"""Looking at agents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server.arguments import Cursor, Format, Limit, NamespaceFilter
from mcp_server.callers import ToolContext, application_of
from mcp_server.listing import ListResult, read_rows
from mcp_server.results import Result, answer
from mcp_server.tool import TestbedTool, read_tool
from monitor.records.filters import AGENTS
from monitor.records.models import SystemAgent


class AgentItem(Result):
    """An agent."""

    name: str
    agent_type: str
    namespace: str | None = None
    operational_state: str
    health: str
    heartbeat_age_s: float | None = None
    hostname: str | None = None
    pid: int | None = None
    broker_connected: bool | None = None
    description: str | None = None
    first_seen: datetime | None = None
    stf_files_processed: int | None = None
    metadata: dict[str, Any] | None = None


class AgentList(ListResult):
    """Agents, those that came last first."""

    items: list[AgentItem]


async def list_agents(
    context: ToolContext,
    agent_type: Annotated[
        str,
        Field(
            max_length=100,
            description="data, processing, fastmon, fast_processing, worker, workflow_runner ...",
            examples=["data"],
        ),
    ] = "",
    operational_state: Annotated[
        str,
        Field(
            max_length=60,
            description="STARTING, READY, PROCESSING, EXITED; comma-separated.",
            examples=["READY,PROCESSING"],
        ),
    ] = "",
    namespace: NamespaceFilter = "",
    since: Annotated[
        str,
        Field(
            max_length=40,
            description="With a heartbeat not before; ISO 8601 or relative.",
            examples=["-2m"],
        ),
    ] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
    format: Format = "concise",  # noqa: A002 - the name that callers know
) -> Annotated[CallToolResult, AgentList]:
    """List agents (runners and workers among them) with state and age of the last heartbeat.

    since=-2m gives those alive now. Next: list_messages with sender for what one said.
    """
    params = {
        "agent_type": agent_type,
        "operational_state": operational_state,
        "namespace": namespace,
        "since": since,
    }
    rows = await application_of(context).database(
        read_rows,
        AGENTS,
        params,
        limit,
        cursor,
        lambda found: _items(found, format == "detailed"),
    )
    return answer(AgentList(**vars(rows)), rows.summary("agents"))


def _items(agents: Sequence[SystemAgent], detailed: bool) -> list[AgentItem]:
    return [_item(agent, detailed) for agent in agents]


def _item(agent: SystemAgent, detailed: bool) -> AgentItem:
    age = None
    if agent.last_heartbeat is not None:
        age = round((timezone.now() - agent.last_heartbeat).total_seconds(), 1)
    item = AgentItem(
        name=agent.instance_name,
        agent_type=agent.agent_type,
        namespace=agent.namespace or None,
        operational_state=agent.operational_state,
        health=agent.status,
        heartbeat_age_s=age,
    )
    if not detailed:
        return item
    return item.model_copy(
        update={
            "hostname": agent.hostname or None,
            "pid": agent.pid,
            "broker_connected": agent.mq_connected,
            "description": agent.description or None,
            "first_seen": agent.first_seen,
            "stf_files_processed": agent.total_stf_processed,
            "metadata": agent.metadata or None,
        }
    )


def tools() -> list[TestbedTool]:
    """Give the tools of this module."""
    return [read_tool(list_agents, "List agents")]
