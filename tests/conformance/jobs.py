"""Tools that become tasks, as the official suite asks for, and their provider."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    InputRequiredResult,
)

from mcp_server.server import TestbedServer
from mcp_server.tasks import Task, TaskStatus
from mcp_server.tasks.task import RequestContext
from tests.conformance.questions import elicitation, filled

_KEPT_MS = 600_000
_POLL_MS = 100


@dataclass
class Job:
    """A call of a tool that goes on after its answer."""

    status: TaskStatus = "working"
    task_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    asked: dict[str, ElicitRequest] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Task[None] | None = None

    async def ask(self, questions: Mapping[str, ElicitRequest]) -> dict[str, Any]:
        """Wait until the client has answered all of these; give the answers."""
        self.asked = dict(questions)
        self.status = "input_required"
        await self.answered.wait()
        self.status = "working"
        return self.answers

    def answer(self, responses: Mapping[str, Any]) -> None:
        """Accept answers; ignore those to other questions."""
        for key in set(responses) & set(self.asked):
            del self.asked[key]
            self.answers[key] = responses[key]
        if self.answers and not self.asked:
            self.answered.set()

    def task(self) -> Task:
        """Return the job's present state."""
        requests = {
            key: question.model_dump(by_alias=True, mode="json", exclude_none=True)
            for key, question in self.asked.items()
        }
        return Task(
            task_id=self.task_id,
            status=self.status,
            created_at=self.created_at,
            updated_at=datetime.now(timezone.utc),
            ttl_ms=_KEPT_MS,
            poll_ms=_POLL_MS,
            result=self.result,
            error=self.error,
            input_requests=requests,
        )


_present: ContextVar[Job] = ContextVar("the job that calls the present tool")


class Jobs:
    """Runs the tools of this module beside the requests that call them."""

    tools = {
        "slow_compute": "optional",
        "failing_job": "required",
        "protocol_error_job": "required",
        "confirm_delete": "required",
        "multi_input": "required",
        "test_tool_with_task": "required",
    }

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    async def begin(
        self, params: CallToolRequestParams, ctx: RequestContext, call_next: CallNext
    ) -> Task | HandlerResult:
        """Begin a job; what a tool asks before that is asked at once."""
        if params.name == "test_tool_with_task" and not params.input_responses:
            return await call_next(ctx)
        job = Job()
        self._jobs[job.task_id] = job
        job.work = asyncio.create_task(_run(job, ctx, call_next))
        return job.task()

    async def find(self, task_id: str, ctx: RequestContext) -> Task | None:
        """Return a job's present state."""
        job = self._jobs.get(task_id)
        return job and job.task()

    async def answer(self, task_id: str, responses: Mapping[str, Any], ctx: RequestContext) -> None:
        """Accept answers to what a job asked."""
        self._jobs[task_id].answer(responses)

    async def cancel(self, task_id: str, ctx: RequestContext) -> None:
        """End a job."""
        work = self._jobs[task_id].work
        if work is not None and not work.done():
            work.cancel()
            await asyncio.wait([work])


async def _run(job: Job, ctx: RequestContext, call_next: CallNext) -> None:
    _present.set(job)
    try:
        result = await call_next(ctx)
    except asyncio.CancelledError:
        job.status = "cancelled"
    except MCPError as error:
        job.error = error.error.model_dump(mode="json", exclude_none=True)
        job.status = "failed"
    else:
        assert isinstance(result, CallToolResult)
        job.result = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        job.status = "completed"


def add_jobs(server: TestbedServer) -> None:
    """Add the tools of this module to ``server``, which must have a ``Jobs`` provider."""
    for function in (
        greet,
        slow_compute,
        failing_job,
        protocol_error_job,
        confirm_delete,
        multi_input,
        test_tool_with_task,
    ):
        server.add_tool(function, structured_output=False)


async def greet(name: str) -> str:
    """Greet, at once."""
    return f"Hello, {name}!"


async def slow_compute(seconds: float, label: str = "") -> str:
    """Work for some seconds."""
    await asyncio.sleep(seconds)
    return f"{label}: done after {seconds} s"


async def failing_job() -> str:
    """Fail after a while."""
    await asyncio.sleep(0.2)
    raise ToolError("this job fails")


async def protocol_error_job() -> str:
    """Break in a way that is no result."""
    raise MCPError(INTERNAL_ERROR, "this job breaks")


async def confirm_delete(filename: str) -> str:
    """Ask before it is done."""
    question = elicitation(f"Delete {filename}?", confirm={"type": "boolean"})
    await _present.get().ask({"confirm": question})
    return f"{filename} is deleted"


async def multi_input() -> str:
    """Ask two things at once."""
    field_ = {"type": "string"}
    await _present.get().ask(
        {
            "first": elicitation("The first name?", name=field_),
            "second": elicitation("The second name?", name=field_),
        }
    )
    return "both are known"


async def test_tool_with_task(context: Context[Any, Any]) -> str | InputRequiredResult:
    """Ask for a name, then greet in a task."""
    name = filled(context, "user_name").get("name")
    if name is None:
        question = elicitation("What is your name?", name={"type": "string"})
        return InputRequiredResult(input_requests={"user_name": question})
    return f"Hello, {name}!"
