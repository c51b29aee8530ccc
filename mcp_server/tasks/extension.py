"""The requests and answers of the tasks extension; providers know the tasks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import HEADER_MISMATCH, INVALID_PARAMS, CallToolRequestParams, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from mcp_server.tasks.task import RequestContext, Task, TaskProvider

IDENTIFIER = "io.modelcontextprotocol/tasks"


class TaskParams(RequestParams):
    """Parameters that name a task."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    task_id: str = Field(max_length=500)


class UpdateTaskParams(TaskParams):
    """Parameters of tasks/update: the answers to what a task asked."""

    input_responses: dict[str, Any]


class TasksExtension(Extension):
    """Turns calls of some tools into tasks, for clients that declare the extension."""

    identifier = IDENTIFIER

    def __init__(self, providers: Sequence[TaskProvider]) -> None:
        self._providers = list(providers)

    def methods(self) -> Sequence[MethodBinding]:
        """Return the methods tasks/get, tasks/update and tasks/cancel."""
        versions = frozenset(MODERN_PROTOCOL_VERSIONS)
        return [
            MethodBinding("tasks/get", TaskParams, self._get, versions),
            MethodBinding("tasks/update", UpdateTaskParams, self._update, versions),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, versions),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> HandlerResult:
        """Begin a task where the tool supports that and the client knows tasks."""
        provider = next((b for b in self._providers if params.name in b.tools), None)
        if provider is None:
            return await call_next(ctx)
        if not wants_task(ctx):
            if provider.tools[params.name] == "required":
                require_client_extension(ctx, IDENTIFIER)
            return await call_next(ctx)
        begun = await provider.begin(params, ctx, call_next)
        return begun.seed() if isinstance(begun, Task) else begun

    async def find(self, task_id: str, ctx: RequestContext) -> Task | None:
        """Return a task in its present state; None for an unknown id."""
        found = await self._look(task_id, ctx)
        return None if found is None else found[1]

    async def _look(self, task_id: str, ctx: RequestContext) -> tuple[TaskProvider, Task] | None:
        for provider in self._providers:
            task = await provider.find(task_id, ctx)
            if task is not None:
                return provider, task
        return None

    async def _get(self, ctx: RequestContext, params: TaskParams) -> dict[str, Any]:
        _, task = await self._known(ctx, params)
        return task.detail()

    async def _update(self, ctx: RequestContext, params: UpdateTaskParams) -> dict[str, Any]:
        provider, task = await self._known(ctx, params)
        await provider.answer(task.task_id, params.input_responses, ctx)
        return {}

    async def _cancel(self, ctx: RequestContext, params: TaskParams) -> dict[str, Any]:
        provider, task = await self._known(ctx, params)
        await provider.cancel(task.task_id, ctx)
        return {}

    async def _known(self, ctx: RequestContext, params: TaskParams) -> tuple[TaskProvider, Task]:
        _check_name_header(ctx, params.task_id)
        require_client_extension(ctx, IDENTIFIER)
        found = await self._look(params.task_id, ctx)
        if found is None:
            raise MCPError(INVALID_PARAMS, f"there is no task {params.task_id[:250]!r}")
        return found


def wants_task(ctx: RequestContext) -> bool:
    """Return whether the client of a request accepts a task as its answer."""
    capabilities = ctx.session.client_capabilities
    declared = capabilities.extensions if capabilities else None
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS and IDENTIFIER in (declared or {})


def _check_name_header(ctx: RequestContext, task_id: str) -> None:
    """Refuse an HTTP request whose routing header names another task than its body."""
    if ctx.request is None:
        return
    if decode_header_value(ctx.request.headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(
            HEADER_MISMATCH,
            f"{MCP_NAME_HEADER} header does not match the request body's 'taskId' parameter",
        )
