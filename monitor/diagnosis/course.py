"""What the record of an execution itself says: how it waits, runs, or ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from monitor.diagnosis.execution_look import ExecutionLook
from monitor.health.look import Look
from monitor.health.queues import waiting_for_role
from monitor.health.waiting import TAKEN_WITHIN
from monitor.records.models import WorkflowExecution
from monitor.records.states import ExecutionStatus
from swf_common_lib.config import PARAMETERS, data_taking
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)
from swf_common_lib.roles import RUNNER
from swf_common_lib.sizing import requested_stfs
from swf_common_lib.states import Change, EndCause
from swf_common_lib.text import short

HONOURED_WITHIN = timedelta(seconds=10)
"""A runner obeys a stop or pause at once; after so long it does not."""
STANDSTILL = timedelta(seconds=15)
"""A simulated clock that has not moved for so long stands still: heartbeats come every 2 s."""
_CAUSES = {
    EndCause.RUNNER_LOST: FindingCode.RUNNER_LOST,
    EndCause.WORKFLOW_RAISED: FindingCode.WORKFLOW_RAISED,
    EndCause.CONFIGURATION: FindingCode.CONFIGURATION_UNUSABLE,
    EndCause.NEVER_CLAIMED: FindingCode.NEVER_CLAIMED,
}
_REMEDIES = {
    FindingCode.RUNNER_LOST: Remedy.START_AGAIN,
    FindingCode.WORKFLOW_RAISED: Remedy.MEND_WORKFLOW,
    FindingCode.CONFIGURATION_UNUSABLE: Remedy.MEND_CONFIGURATION,
    FindingCode.NEVER_CLAIMED: Remedy.START_AGENTS_THEN_AGAIN,
    FindingCode.EXECUTION_FAILED: Remedy.READ_LOG,
}
_MISSING_KEY = re.compile(r"^KeyError: (?P<key>'.+')$")
_READS_CONFIGURATION = re.compile(r"\b(config|parameters)\[")


def course_findings(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    """Yield what is wrong with the course of an execution."""
    status = seen.execution.status
    if status == ExecutionStatus.PENDING:
        yield from _pending(seen, look)
    elif seen.active:
        yield from _active(seen, look)
    elif status == ExecutionStatus.FAILED or _cause(seen) in _CAUSES:
        yield _failed(seen, look)
    elif status == ExecutionStatus.TERMINATED:
        yield _stopped(seen)
    yield from _unusable_values(seen)


def execution(seen: ExecutionLook) -> Subject:
    """Return the subject of a finding about an execution."""
    return Subject(SubjectKind.EXECUTION, seen.id)


def again(seen: ExecutionLook) -> dict[str, Any]:
    """Return what starts the same once more."""
    row = seen.execution
    return {"execution_id": seen.id, "workflow": row.workflow_name, "namespace": row.namespace}


def _pending(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    row = seen.execution
    announced = row.announced_at
    if not look.broker_up or not look.heard:
        return  # that is said already
    if look.runners and announced is not None and look.now - announced < TAKEN_WITHIN:
        return  # a runner is taking it
    waiting = (round((look.now - row.created_at).total_seconds(), 1), "s")
    if look.runners:
        yield Finding(
            FindingCode.RUNNERS_BUSY,
            Severity.WARNING,
            execution(seen),
            Remedy.STOP_OTHERS_OR_WAIT,
            since=row.created_at,
            evidence=evidence(waiting=waiting, runners=", ".join(look.runners[:5])),
            target={"execution_id": seen.id},
        )
        return
    yield Finding(
        FindingCode.RUNNER_MISSING,
        Severity.ERROR,
        execution(seen),
        Remedy.START_AGENTS,
        since=row.created_at,
        evidence=evidence(
            waiting=waiting,
            commands_waiting=waiting_for_role(look.reading, RUNNER.agent_type) or None,
            terminated_at=row.expires_at.isoformat(timespec="seconds") if row.expires_at else None,
        ),
        target={"execution_id": seen.id, **({"programs": RUNNER.program} if look.alive else {})},
    )


def _active(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    row = seen.execution
    lease = row.lease_expires_at
    if lease is not None and lease < look.now:
        yield Finding(
            FindingCode.LEASE_LAPSED,
            Severity.ERROR,
            execution(seen),
            Remedy.WAIT,
            since=lease,
            evidence=evidence(
                runner=row.runner, overdue=(round((look.now - lease).total_seconds(), 1), "s")
            ),
            target={"agent": row.runner, "execution_id": seen.id},
        )
        return
    yield from _not_honoured(seen, look.now)
    yield from _standstill(seen, look)
    yield from _endless(seen)
    if row.status == ExecutionStatus.PAUSED:
        yield Finding(
            FindingCode.EXECUTION_PAUSED,
            Severity.NOTE,
            execution(seen),
            Remedy.RESUME_EXECUTION,
            evidence=evidence(reason=short(row.status_reason, 300)),
            target={"execution_id": seen.id},
        )


def _not_honoured(seen: ExecutionLook, now: datetime) -> Iterator[Finding]:
    row = seen.execution
    asked = row.change_requested_at
    if not row.requested_change or asked is None or now - asked < HONOURED_WITHIN:
        return
    stop = row.requested_change == Change.STOP
    yield Finding(
        FindingCode.STOP_NOT_HONOURED if stop else FindingCode.PAUSE_NOT_HONOURED,
        Severity.ERROR if stop else Severity.WARNING,
        execution(seen),
        Remedy.RESTART_RUNNER,
        since=asked,
        evidence=evidence(
            change=row.requested_change,
            by=row.change_requested_by,
            waited=(round((now - asked).total_seconds(), 1), "s"),
            runner=row.runner,
        ),
        target={"agent": row.runner, "programs": RUNNER.program, "execution_id": seen.id},
    )


def _standstill(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    row = seen.execution
    moved = row.tick_changed_at or row.start_time
    if row.status != ExecutionStatus.RUNNING or row.simulation_tick is None or moved is None:
        return
    if look.now - moved < STANDSTILL:
        return
    yield Finding(
        FindingCode.CLOCK_STANDS_STILL,
        Severity.ERROR,
        execution(seen),
        Remedy.RESTART_RUNNER if look.broker_up else Remedy.WAIT,
        since=moved,
        evidence=evidence(
            tick=(row.simulation_tick, "simulated s"),
            still_for=(round((look.now - moved).total_seconds(), 1), "s"),
            runner=row.runner,
        ),
        target={"agent": row.runner, "programs": RUNNER.program, "execution_id": seen.id},
        symptom_of=look.broker_trouble,
    )


def _endless(seen: ExecutionLook) -> Iterator[Finding]:
    """Yield an execution that only a stop ends, and that nothing slows down."""
    row = seen.execution
    if seen.speed or row.options.get("duration") or row.status != ExecutionStatus.RUNNING:
        return
    try:
        endless = data_taking(row.parameter_values).get("physics_period_count") == 0
    except (TypeError, AttributeError):
        return  # an older agent may have recorded values that nobody checked
    if endless:
        yield Finding(
            FindingCode.ENDLESS_AT_FULL_SPEED,
            Severity.WARNING,
            execution(seen),
            Remedy.STOP_EXECUTION,
            since=row.start_time,
            evidence=evidence(stf_files=(seen.count("stf_files_generated"), "STFs")),
            target={"execution_id": seen.id},
        )


def _failed(seen: ExecutionLook, look: Look) -> Finding:
    row = seen.execution
    cause = _cause(seen)
    code = (
        _CAUSES.get(cause, FindingCode.EXECUTION_FAILED) if cause else FindingCode.EXECUTION_FAILED
    )
    missing = _absent_parameter(row)
    if missing:
        code = FindingCode.CONFIGURATION_UNUSABLE
    target = again(seen)
    if code is FindingCode.RUNNER_LOST:
        target |= {"agent": row.runner}
    if not look.runners:
        target |= {"programs": RUNNER.program}
    return Finding(
        code,
        Severity.ERROR,
        execution(seen),
        _REMEDIES[code],
        since=row.end_time,
        evidence=evidence(
            error=short(row.error_message or row.status_reason, 400),
            missing_parameter=missing,
            place=_place(row.stack_trace),
            runner=row.runner if code is FindingCode.RUNNER_LOST else None,
        ),
        target=target,
    )


def _cause(seen: ExecutionLook) -> EndCause | None:
    cause = seen.execution.end_cause
    return EndCause(cause) if cause else None


def _stopped(seen: ExecutionLook) -> Finding:
    row = seen.execution
    wanted = requested_stfs(row.parameter_values)
    return Finding(
        FindingCode.EXECUTION_STOPPED,
        Severity.NOTE,
        execution(seen),
        Remedy.NOTHING,
        since=row.end_time,
        evidence=evidence(
            by=row.ended_by,
            reason=short(row.status_reason, 300),
            cause=row.end_cause,
            made=None if wanted is None else seen.count("stf_files_generated"),
            requested=None if wanted is None else (wanted, "STFs"),
        ),
        target=again(seen),
    )


def _absent_parameter(row: WorkflowExecution) -> str:
    """Return the key that the workflow did not find in its configuration; empty: it is not that."""
    found = _MISSING_KEY.match(row.error_message)
    last = row.stack_trace.rpartition("\n  File ")[2]
    return found["key"] if found and _READS_CONFIGURATION.search(last) else ""


def _unusable_values(seen: ExecutionLook) -> Iterator[Finding]:
    """Look whether the values that it was given make sense: REST takes any from older agents."""
    values: Any = seen.execution.parameter_values
    faults = [
        f"{section}.{key} = {value!r}: expected {PARAMETERS[key].expected}"
        for section, table in (values.items() if isinstance(values, dict) else ())
        if isinstance(table, dict)
        for key, value in table.items()
        if key in PARAMETERS and not PARAMETERS[key].accepts(value)
    ]
    if faults:
        yield Finding(
            FindingCode.CONFIGURATION_UNUSABLE,
            Severity.ERROR,
            execution(seen),
            Remedy.MEND_CONFIGURATION,
            evidence=evidence(error="; ".join(faults[:5])),
            target=again(seen),
        )


def _place(stack_trace: str) -> str:
    """Return where a stack trace ended: the last file and line."""
    lines = [line.strip() for line in stack_trace.strip().splitlines()]
    places = [line for line in lines if line.startswith("File ")]
    return places[-1][:500] if places else ""
