"""The MCP server: its name, what it tells an assistant first, and all that it offers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    EmptyResult,
    GetPromptResult,
    InputRequiredResult,
    PromptReference,
    ResourceTemplateReference,
    SetLevelRequestParams,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    UnsubscribeRequestParams,
)
from pydantic import AnyUrl

from mcp_server.answers.error_text import bounded, short_name
from mcp_server.application import Application
from mcp_server.push.subscriptions import RequestContext, Subscriptions
from mcp_server.push.watcher import Watcher
from mcp_server.resources.completion import complete
from mcp_server.resources.events import add_event_resource
from mcp_server.resources.prompts import add_prompts, checked_arguments
from mcp_server.resources.resources import add_resources
from mcp_server.tasks import TaskProvider, TasksExtension
from mcp_server.tasks.executions import ExecutionTasks
from mcp_server.toolsets import chosen_tools
from mcp_server.uris import uri_problem
from swf_common_lib.config import did_you_mean

_INSTRUCTIONS = """\
Drives and observes the ePIC streaming workflow testbed: a simulated DAQ takes runs and broadcasts \
messages, agents and workers react, a database records all of it.
STF: super time frame, one file of the DAQ. TF sample: part of an STF taken for fast monitoring. \
Slice: part of a sample, the work of one worker. An execution is one go of a workflow; it takes \
one run.
Usual order: get_system_status, list_workflow_definitions, start_workflow, wait_for_workflow, \
get_workflow_execution; diagnose_execution when something does not go on. Findings come worst \
first, each with what to do in `next`; notes need no hand. Lists: filters take \
several values separated by commas; since/until ISO 8601 or -30m, -2h, -7d; limit 20 unless given; \
next_cursor goes into cursor with the same filters; format=detailed gives all fields. parameters \
of a start: by name or section.name. Times are UTC; ticks, simulated_seconds, waiting_seconds, \
processing_seconds, busy_seconds are simulated seconds; other *_seconds are wall time."""


class TestbedServer(MCPServer[Application]):
    """The SDK's server with the testbed's tools, resources, prompts, tasks and subscriptions."""

    __test__ = False

    def __init__(
        self,
        application: Application,
        *,
        toolsets: Collection[str] = (),
        read_only: bool = False,
        task_providers: Sequence[TaskProvider] = (),
    ) -> None:
        @asynccontextmanager
        async def lifespan(_: MCPServer[Application]) -> AsyncIterator[Application]:
            yield application

        self.application = application
        self.bus = InMemorySubscriptionBus()
        tools = chosen_tools(toolsets, read_only=read_only)
        self._left_out = _names_of_all() - {tool.name for tool in tools}
        self._why_left_out = "this server is read-only" if read_only else "its toolset is not on"
        may_stop = any(tool.name == "run_workflow" for tool in tools)
        tasks = TasksExtension(
            [
                ExecutionTasks(application, why_not_cancel="" if may_stop else self._why_left_out),
                *task_providers,
            ]
        )
        super().__init__(
            name="swf-testbed",
            title="ePIC streaming workflow testbed",
            instructions=_INSTRUCTIONS,
            version=version("swf-testbed"),
            tools=[*tools],
            extensions=[tasks],
            lifespan=lifespan,
            log_level="WARNING",
            subscriptions=self.bus,
        )
        self.subscriptions = Subscriptions(self.bus, Watcher(application, self.bus), tasks.find)
        self._serve_more()
        add_resources(self, application)
        add_event_resource(self, application)
        add_prompts(self)

    def _serve_more(self) -> None:
        """Serve the methods that the SDK does not serve, or does not end in order."""
        serve = self._lowlevel_server.add_request_handler
        told = self.subscriptions
        serve("subscriptions/listen", SubscriptionsListenRequestParams, told.listen)
        serve("resources/subscribe", SubscribeRequestParams, told.subscribe)
        serve("resources/unsubscribe", UnsubscribeRequestParams, told.unsubscribe)
        serve("logging/setLevel", SetLevelRequestParams, _set_level)
        self.completion()(self._complete)  # type: ignore[no-untyped-call]

    async def call_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        context: Context[Application, Any] | None = None,
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool by its name; raise ToolError as the tool does, or for an unknown name."""
        known = [tool.name for tool in self._tool_manager.list_tools()]
        if name not in known:
            if name in self._left_out:
                raise ToolError(f"{name} is not offered here: {self._why_left_out}")
            name = short_name(name)
            raise ToolError(f"there is no tool '{name}'; {did_you_mean(name, known)}")
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            said = str(error)
            if (told := bounded(said)) == said:
                raise
            raise ToolError(told) from error.__cause__

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Application, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        """Read a resource; raise MCPError for a URI that no resource can have."""
        if problem := uri_problem(str(uri)):
            raise MCPError(INVALID_PARAMS, problem)
        return await super().read_resource(uri, context)

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Application, Any] | None = None,
    ) -> GetPromptResult | InputRequiredResult:
        """Return a prompt; raise MCPError, with the nearest known name, for an unknown one."""
        await checked_arguments(self, name, arguments)
        return await super().get_prompt(name, arguments, context)

    async def _complete(
        self,
        _of: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        _context: CompletionContext | None,
    ) -> Completion:
        values, total = await self.application.database(
            complete, self.application.settings, argument.name, argument.value
        )
        return Completion(values=values, total=total, has_more=total > len(values))


def build_server(
    application: Application,
    *,
    toolsets: Collection[str] = (),
    read_only: bool = False,
    task_providers: Sequence[TaskProvider] = (),
) -> TestbedServer:
    """Make the server. Django must have been set up.

    ``toolsets``: offer the tools of these alone. ``read_only``: nothing that changes anything.
    Raises InvalidRequest for an unknown toolset.
    """
    return TestbedServer(
        application, toolsets=toolsets, read_only=read_only, task_providers=task_providers
    )


async def _set_level(_ctx: RequestContext, _params: SetLevelRequestParams) -> EmptyResult:
    """Serve `logging/setLevel`: this server logs to its own log, clients ask with list_logs."""
    return EmptyResult()


def _names_of_all() -> set[str]:
    return {tool.name for tool in chosen_tools()}
