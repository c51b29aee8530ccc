"""A task as the extension ``io.modelcontextprotocol/tasks`` describes it, and who keeps some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types import CallToolRequestParams

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
TaskSupport = Literal["optional", "required"]
"""Whether a tool may become a task where the client knows tasks, or works as one alone."""

RequestContext = ServerRequestContext[Any, Any]


@dataclass(frozen=True)
class Task:
    """How a task stands."""

    task_id: str
    status: TaskStatus
    created_at: datetime
    updated_at: datetime
    message: str = ""
    """What a person or a model may read of it."""
    ttl_ms: int | None = None
    """How long it is kept from its creation; None: for good."""
    poll_ms: int = 1000
    """How often it makes sense to ask."""
    result: Mapping[str, Any] | None = None
    """The tool's result, once completed."""
    error: Mapping[str, Any] | None = None
    """The JSON-RPC error, once failed."""
    input_requests: Mapping[str, Any] = field(default_factory=dict)
    """What the client is asked and has not answered, while input is required."""

    def seed(self) -> dict[str, Any]:
        """Give it as the answer to the call that began it."""
        return {"resultType": "task", **self._common()}

    def detail(self) -> dict[str, Any]:
        """Give all of it, as the answer to tasks/get."""
        told = self._common()
        if self.status == "completed":
            told["result"] = dict(self.result or {})
        elif self.status == "failed":
            told["error"] = dict(self.error or {})
        elif self.status == "input_required":
            told["inputRequests"] = dict(self.input_requests)
        return told

    def _common(self) -> dict[str, Any]:
        told = {
            "taskId": self.task_id,
            "status": self.status,
            "createdAt": _iso(self.created_at),
            "lastUpdatedAt": _iso(self.updated_at),
            "ttlMs": self.ttl_ms,
            "pollIntervalMs": self.poll_ms,
        }
        return {**told, "statusMessage": self.message} if self.message else told


class TaskBackend(Protocol):
    """Makes tasks of calls of its tools, and knows how they stand."""

    tools: Mapping[str, TaskSupport]
    """The tools whose calls it makes tasks of."""

    async def begin(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> Task | HandlerResult:
        """Begin a task for a call, findable from now on; or answer the call itself.

        ``call_next(ctx)`` calls the tool as for a client without tasks.
        """
        ...

    async def find(self, task_id: str, ctx: RequestContext) -> Task | None:
        """Give a task as it stands, None for one that is not (or no longer) its own."""
        ...

    async def answer(self, task_id: str, responses: Mapping[str, Any], ctx: RequestContext) -> None:
        """Take answers to what a task of its own asked; what nobody asked is left alone."""
        ...

    async def cancel(self, task_id: str, ctx: RequestContext) -> None:
        """Let a task of its own end; one that is over stays as it is."""
        ...


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
