"""What the record of an execution itself says: how it waits, runs, or ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from monitor.diagnosis.finding import Finding
from monitor.diagnosis.queues import RUNNER, waiting_text
from monitor.executions.announcer import announcer
from monitor.executions.wait_text import wait_text
from monitor.executions.waiting import live_runners, waiting_for
from monitor.records.models import WorkflowExecution
from monitor.records.states import ACTIVE, ExecutionStatus
from orchestrator.queue_depths import Reading
from swf_common_lib.config import PARAMETERS
from swf_common_lib.text import short

_GONE = "stopped answering"
"""In the reason that the sweeper gives."""
_NOT_TAKEN = "no workflow runner took it"
_CONFIGURATION = re.compile(r"^(ConfigurationError|InvalidRequest)\b")
_START_RUNNER = f'start_agents(agents=["{RUNNER}"]) starts one'
_MISSING_KEY = re.compile(r"^KeyError: (?P<key>'.+')$")
_AGAIN = "then start_workflow with the same arguments; this one is over."


def course_findings(execution: WorkflowExecution, reading: Reading) -> Iterator[Finding]:
    """Give what is wrong with the course of an execution; ``reading``: of the broker's queues."""
    if execution.status == ExecutionStatus.PENDING:
        yield from _pending(execution, reading)
    elif execution.status in ACTIVE:
        yield from _active(execution)
    elif execution.status == ExecutionStatus.FAILED:
        yield _failed(execution)
    elif execution.status == ExecutionStatus.TERMINATED:
        yield _terminated(execution)
    yield from _configuration(execution)


def _pending(execution: WorkflowExecution, reading: Reading) -> Iterator[Finding]:
    waits = wait_text(waiting_for(execution))
    if not waits or not announcer().status().connected:
        return  # a runner is taking it; or the broker is down, which is said already
    if live_runners():
        yield Finding(
            "runners_busy",
            "warning",
            f"it is pending, waiting for {waits}: all have as many executions as they may",
            "wait_for_workflow; or stop_workflow one of list_workflow_executions(status=running).",
            programs=(RUNNER,),
        )
        return
    yield Finding(
        "runner_missing",
        "error",
        f"it is pending, waiting for {waits}",
        f"{_START_RUNNER}; this execution then begins by itself.",
        waiting_text(reading, RUNNER),
        (RUNNER,),
    )


def _active(execution: WorkflowExecution) -> Iterator[Finding]:
    lease = execution.lease_expires_at
    now = timezone.now()
    if lease is not None and lease < now:
        yield Finding(
            "runner_killed",
            "error",
            f"its runner {execution.runner} has not renewed its lease for "
            f"{(now - lease).total_seconds():.0f} s: killed, hung, or cut off from the monitor",
            "It is ended as failed within seconds unless the runner comes back; "
            f"get_agent(name={execution.runner!r}) says whether its process lives.",
        )
    elif execution.status == ExecutionStatus.PAUSED:
        yield Finding(
            "paused",
            "note",
            f"it is paused: {execution.status_reason or 'no reason was given'}",
            "resume_workflow lets it go on.",
        )


def _failed(execution: WorkflowExecution) -> Finding:
    error = execution.error_message or execution.status_reason
    if _GONE in error and not execution.stack_trace:  # else the workflow raised something like it
        lives = ", ".join(live_runners()[:3])
        then = f"{lives} can take the next" if lives else f"no runner lives: {_START_RUNNER}"
        return Finding(
            "runner_killed",
            "error",
            f"{error}: its process was killed, its host went down, or it was cut off; "
            "the monitor ended the run in its stead",
            f"list_logs(source={execution.runner!r}) shows its last words. {then}; {_AGAIN}",
        )
    if _CONFIGURATION.match(error):
        return _unusable(execution, f"its configuration cannot be used: {short(error, 400)}")
    if absent := _absent_parameter(execution, error):
        what = f"the workflow's code asks for a parameter {absent} that its configuration lacks"
        return _unusable(execution, f"{what}: {short(error, 200)}")
    if execution.stack_trace:
        return Finding(
            "workflow_raised",
            "error",
            f"the workflow's code raised {short(error, 400)}",
            f"Mend workflows/{execution.workflow_name}.py there, {_AGAIN} "
            "get_workflow_execution with format=detailed has the whole stack trace.",
            evidence=_place(execution.stack_trace),
        )
    return Finding(
        "failed", "error", error or "it failed; nobody said why", "list_logs may say more."
    )


def _unusable(execution: WorkflowExecution, what: str) -> Finding:
    workflow = execution.workflow_name
    return Finding(
        "configuration_error",
        "error",
        what,
        f"get_workflow_definition(workflow={workflow!r}) shows its parameters and their defaults, "
        "validate_workflow_config with yours where each value comes from; mend the value, then "
        "start_workflow with it; this one is over.",
        evidence=_place(execution.stack_trace),
    )


def _absent_parameter(execution: WorkflowExecution, error: str) -> str:
    """Give the key that the workflow did not find in its configuration; empty: it is not that."""
    found = _MISSING_KEY.match(error)
    last = execution.stack_trace.rpartition("\n  File ")[2]
    if not found or not re.search(r"\b(config|parameters)\[", last):
        return ""
    return found["key"]


def _terminated(execution: WorkflowExecution) -> Finding:
    reason = execution.status_reason
    if _NOT_TAKEN in reason:
        return Finding(
            "runner_missing", "error", f"it never began: {reason}", f"{_START_RUNNER}; {_AGAIN}"
        )
    told = reason if reason.startswith("stopped ") else f"stopped: {reason or 'nobody said why'}"
    return Finding(
        "stopped",
        "note",
        f"it was {told}",
        "Its history in get_workflow_execution says by whom.",
    )


def _configuration(execution: WorkflowExecution) -> Iterator[Finding]:
    """Look whether the values that it was given make sense: REST takes any from older agents."""
    values: Any = execution.parameter_values
    faults = [
        f"{section}.{key} = {value!r}: expected {PARAMETERS[key].expected}"
        for section, table in (values.items() if isinstance(values, dict) else ())
        if isinstance(table, dict)
        for key, value in table.items()
        if key in PARAMETERS and not PARAMETERS[key].accepts(value)
    ]
    if faults:
        yield Finding(
            "configuration_error",
            "error",
            f"its configuration holds values that nobody can use: {'; '.join(faults[:5])}",
            f"validate_workflow_config says what is expected; {_AGAIN}",
        )


def _place(stack_trace: str) -> str:
    """Give where a stack trace ended: the last file and line, and what was raised."""
    lines = [line.strip() for line in stack_trace.strip().splitlines() if line.strip()]
    places = [line for line in lines if line.startswith("File ")]
    return " | ".join([*places[-1:], *lines[-1:]])[:500]
