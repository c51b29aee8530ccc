"""Tasks as the extension ``io.modelcontextprotocol/tasks`` defines them, and their providers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types import CallToolRequestParams

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
TaskSupport = Literal["optional", "required"]
"""Optional: a task where the client knows tasks. Required: the tool works only as a task."""

RequestContext = ServerRequestContext[Any, Any]


@dataclass(frozen=True)
class Task:
    """The present state of a task."""

    task_id: str
    status: TaskStatus
    created_at: datetime
    updated_at: datetime
    message: str = ""
    """The state in words, for a person or a model."""
    ttl_ms: int | None = None
    """Milliseconds that it is kept from its creation; None: for ever."""
    poll_ms: int = 1000
    """Milliseconds that a client should leave between two questions."""
    result: Mapping[str, Any] | None = None
    """The tool's result, once completed."""
    error: Mapping[str, Any] | None = None
    """The JSON-RPC error, once failed."""
    input_requests: Mapping[str, Any] = field(default_factory=dict)
    """What the client was asked and has not answered, while input is required."""

    def seed(self) -> dict[str, Any]:
        """Return the answer to the call that began the task."""
        return {"resultType": "task", **self._common()}

    def detail(self) -> dict[str, Any]:
        """Return the answer to tasks/get: the state with result, error or input requests."""
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


class TaskProvider(Protocol):
    """Makes tasks of calls of its tools, and knows their state."""

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
        """Return a task in its present state; None for one that is not (or no longer) its own."""
        ...

    async def answer(self, task_id: str, responses: Mapping[str, Any], ctx: RequestContext) -> None:
        """Take the answers to a question of one of its tasks; ignore other answers."""
        ...

    async def cancel(self, task_id: str, ctx: RequestContext) -> None:
        """Cancel one of its tasks; one that has ended stays as it is."""
        ...


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
