"""The MCP server: its name, what it tells an assistant first, its tools and resources."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp_types import CallToolResult, InputRequiredResult, SubscriptionsListenRequestParams

from mcp_server.application import Application
from mcp_server.resources import add_resources
from mcp_server.tools import agents, control, definitions, executions, messages, status
from swf_common_lib.config import did_you_mean

_INSTRUCTIONS = """\
Drives and observes the ePIC streaming workflow testbed: a simulated DAQ takes runs and broadcasts \
messages, agents and workers react, a database records all of it.
STF: super time frame, one file of the DAQ. TF sample: part of an STF taken for fast monitoring. \
Slice: part of a sample, the work of one worker. An execution is one go of a workflow; it takes \
one run.
Usual order: get_system_status, list_workflow_definitions, start_workflow, wait_for_workflow, \
get_workflow_execution. Times are ISO 8601 in UTC; ticks and *_seconds are simulated seconds."""


class TestbedServer(MCPServer[Application]):
    """The SDK's server with a list of tools that answers misspelt names."""

    __test__ = False

    def __init__(self, application: Application) -> None:
        @asynccontextmanager
        async def lifespan(_: MCPServer[Application]) -> AsyncIterator[Application]:
            yield application

        self.bus = InMemorySubscriptionBus()
        super().__init__(
            name="swf-testbed",
            title="ePIC streaming workflow testbed",
            instructions=_INSTRUCTIONS,
            version=version("swf-testbed"),
            tools=[
                *status.tools(),
                *definitions.tools(),
                *control.tools(),
                *executions.tools(),
                *agents.tools(),
                *messages.tools(),
            ],
            lifespan=lifespan,
            log_level="WARNING",
            subscriptions=False,
        )
        # The SDK serves listen streams itself, but keeps to itself what ends them; without that,
        # an open stream holds up the end of the process.
        self.listeners = ListenHandler(self.bus)
        self._lowlevel_server.add_request_handler(
            "subscriptions/listen", SubscriptionsListenRequestParams, self.listeners
        )
        add_resources(self, application)

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[Application, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name; raises ToolError as the tool does, or for an unknown name."""
        known = [tool.name for tool in self._tool_manager.list_tools()]
        if name not in known:
            raise ToolError(f"there is no tool '{name}'; {did_you_mean(name, known)}")
        return await super().call_tool(name, arguments, context)


def build_server(application: Application) -> TestbedServer:
    """Make the server. Django must have been set up."""
    return TestbedServer(application)
