"""The answers to starting, changing and waiting."""

from __future__ import annotations

from typing import Any

from mcp_server.answers.finding_texts import advice, sentence
from mcp_server.answers.results import Result
from mcp_server.uris import execution_resource
from mcp_server.views.executions import UNPROCESSED, progress_line, progress_view
from monitor.diagnosis.prospects import UNSERVED, WAITS, prospects_of
from monitor.executions import StartRequest, request_change, start
from monitor.executions.control import find
from monitor.records.models import WorkflowExecution
from monitor.records.progress import is_finished, processing_finished, progress_of
from monitor.records.states import ExecutionStatus
from swf_common_lib.text import instant

_REACHED = {
    "stop": (ExecutionStatus.TERMINATED,),
    "pause": (ExecutionStatus.PAUSED,),
    "resume": (ExecutionStatus.RUNNING,),
}
"""The status that a change leads to."""
_TOLD = "The runner was told; get_workflow_execution shows when it has acted."


class StartResult(Result):
    """An execution that was started."""

    execution_id: str
    status: str
    repeated: bool | None = None
    """An earlier request with the same key had already started it."""
    workflow: str = ""
    config: str | None = None
    namespace: str = ""
    speed: float | None = None
    """Simulated seconds per second of wall time; 0: as fast as possible."""
    waiting_for: str | None = None
    note: str | None = None
    """Why nobody will process its messages, or what could not be found out about it."""
    resource: str = ""
    next: str


class ChangeResult(Result):
    """The outcome of a stop, pause or resume."""

    execution_id: str
    status: str
    status_reason: str | None = None
    done: bool
    """Whether the requested status is reached; false: the runner has not acted yet."""
    note: str | None = None


class WaitResult(Result):
    """The state of an execution that is waited for."""

    execution_id: str
    status: str
    status_reason: str | None = None
    waiting_for: str | None = None
    """What a pending execution waits for."""
    finished: bool
    processing_finished: bool | None = None
    progress: dict[str, Any]
    error: str | None = None
    note: str | None = None
    """Why the processing of its run does not go on."""
    waited_seconds: float = 0
    next: str | None = None


def started(request: StartRequest) -> StartResult:
    """Start what ``request`` asks for; raise what ``monitor.executions.start`` raises.

    No query follows the start: so no later failure can hide from the caller that it was started.
    """
    begun = start(request)
    execution = begun.execution
    earlier = [f"started earlier, at {instant(execution.created_at)}"] if begun.repeated else []
    return StartResult(
        execution_id=execution.execution_id,
        status=execution.status,
        repeated=begun.repeated or None,
        workflow=execution.workflow_name,
        config=execution.section("workflow").get("config"),
        namespace=execution.namespace,
        speed=execution.options.get("speed"),
        note="; ".join((*earlier, *begun.notes)) or None,
        resource=execution_resource(execution.execution_id),
        next="wait_for_workflow",
    )


def with_prospects(begun: StartResult) -> StartResult:
    """Add what a just started execution waits for, and which messages nobody will process."""
    waits, unserved = _prospects(find(begun.execution_id))
    notes = (begun.note, unserved)
    return begun.model_copy(
        update={
            "waiting_for": waits or None,
            "note": "; ".join(note for note in notes if note) or None,
        }
    )


def _prospects(execution: WorkflowExecution) -> tuple[str, str]:
    """Return what an execution waits for, and why nobody works on what it makes; "" if nothing."""
    found = prospects_of(execution)
    texts = [
        [f"{sentence(one)}. Next: {advice(one)}" for one in found if one.code in codes]
        for codes in (WAITS, UNSERVED)
    ]
    return texts[0][0] if texts[0] else "", texts[1][0] if texts[1] else ""


def change(execution_id: str, action: str, actor: str, reason: str) -> ChangeResult:
    """Request a change unless its status is reached already.

    Raises NotFound for an unknown execution, Conflict where the change makes no sense.
    """
    execution = find(execution_id)
    if execution.status in _REACHED[action]:
        so = _change(execution, action, None)
        return so.model_copy(update={"note": "It was so already; nothing was changed."})
    asked = request_change(execution_id, action, actor=actor, via="mcp", reason=reason)
    return _change(asked.execution, action, asked.note or _TOLD)


def reached(asked: ChangeResult, action: str) -> ChangeResult:
    """Return the present outcome of a change that was requested."""
    return _change(find(asked.execution_id), action, asked.note)


def execution_state(execution_id: str, include_processing: bool) -> tuple[WaitResult, str]:
    """Return the state of an execution, and the same as one line of text."""
    execution = find(execution_id)
    progress = progress_of([execution])[execution_id]
    processed = processing_finished(execution, progress)
    left = is_finished(execution) and processed is False
    asks = left or execution.status == ExecutionStatus.PENDING
    waits, unserved = _prospects(execution) if asks else ("", "")
    line = progress_line(execution, progress)
    if left:
        line += "; agents are not done with its run"
    state = WaitResult(
        execution_id=execution_id,
        status=execution.status,
        status_reason=execution.status_reason or None,
        waiting_for=waits or None,
        finished=is_finished(execution) and not (include_processing and left),
        processing_finished=processed,
        progress=progress_view(progress),
        error=execution.error_message or None,
        note=unserved or None,
        next=UNPROCESSED if left else None,
    )
    return state, f"{execution_id} is {execution.status}, waiting: {waits}" if waits else line


def _change(execution: WorkflowExecution, action: str, note: str | None) -> ChangeResult:
    """Return the outcome of a change; ``note`` is shown while the runner has not acted."""
    done = execution.status in _REACHED[action]
    if done:
        note = None
    elif is_finished(execution):
        note = f"It ended as {execution.status} before the {action} took effect."
        done = True
    return ChangeResult(
        execution_id=execution.execution_id,
        status=execution.status,
        status_reason=execution.status_reason or None,
        done=done,
        note=note,
    )
