"""The course of an execution: claimed by a runner, stopped, paused, resumed, reported on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from monitor.executions.announcer import COMMAND_LIFE_MS, announcer
from monitor.executions.requesters import Requester, requester_of
from monitor.records.database.notify import notify_changed
from monitor.records.models import WorkflowExecution
from monitor.records.states import ACTIVE, EXECUTION_SOURCES, TERMINAL, ExecutionStatus
from monitor.records.transitions import record_event, transition
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import Conflict, InvalidRequest, NotFound
from swf_common_lib.states import Change, EndCause

LEASE = timedelta(seconds=15)
"""A runner keeps an execution this long after a heartbeat that names it."""
LONGEST_REASON = 2000
"""Characters of the reason of a change."""
REPORTED = (
    "status",
    "status_reason",
    "end_cause",
    "start_time",
    "end_time",
    "performance_metrics",
    "execution_environment",
    "error_message",
    "stack_trace",
    "run_number",
)
"""What a runner may report of an execution."""
_REQUEST = ("requested_change", "change_requested_at", "change_requested_by")
_MERGED = ("performance_metrics", "execution_environment")
_REACHED = {Change.PAUSE: ExecutionStatus.PAUSED, Change.RESUME: ExecutionStatus.RUNNING}


@dataclass(frozen=True)
class Requested:
    """A change that was asked for."""

    execution: WorkflowExecution
    """As it was then."""
    note: str = ""
    """What is uncertain about it; empty when its runner was told."""


def find(execution_id: str) -> WorkflowExecution:
    """Return an execution with its definition. Raises NotFound that names the nearest ids."""
    execution: WorkflowExecution | None = (
        WorkflowExecution.objects.select_related("workflow_definition")
        .filter(pk=execution_id)
        .first()
    )
    if execution is None:
        newest = WorkflowExecution.objects.order_by("-created_at")
        known = {one.casefold(): one for one in newest.values_list("execution_id", flat=True)[:200]}
        like = get_close_matches(execution_id[:250].casefold(), known, n=3, cutoff=0.5)
        near = [known[one] for one in like or list(known)[:3]]
        hint = f"Nearest: {', '.join(near)}." if near else "There are no executions yet."
        raise NotFound(f"there is no execution {execution_id[:250]!r}", hint)
    return execution


def claim(execution_id: str, runner: str) -> WorkflowExecution:
    """Assign a pending execution to a runner, which alone executes it from now on.

    A runner that has it already gets it again: the answer to its claim was lost. Raises Conflict
    when another has it or it is over, NotFound.
    """
    if not runner:
        raise InvalidRequest("a claim names its runner")
    now = timezone.now()
    claimed = transition(
        execution_id,
        ExecutionStatus.RUNNING,
        actor=runner,
        via="rest",
        sources=[ExecutionStatus.PENDING],
        runner=runner,
        start_time=now,
        lease_expires_at=now + LEASE,
    )
    execution = find(execution_id)
    mine = execution.runner == runner and execution.status == ExecutionStatus.RUNNING
    if not claimed and not mine:
        by = f" by {execution.runner}" if execution.runner else ""
        raise Conflict(
            f"{execution_id} is {execution.status}{by}, not pending",
            "Somebody else claimed or ended it: leave it.",
        )
    return execution


def request_change(
    execution_id: str, change: str, *, actor: str, via: str, reason: str = ""
) -> Requested:
    """Request an execution to ``stop``, ``pause`` or ``resume``; return it as it is then.

    A pending one is stopped at once; of a running one its runner is told, and the status follows
    when it has obeyed. What is paused (or running) already is left so. Raises NotFound, Conflict
    for one that is over or cannot be changed so, BrokerUnavailable when the runner cannot be told;
    whatever it raises, nothing was changed.
    """
    known = [one.value for one in Change]
    if change not in known:
        raise InvalidRequest(f"{change!r} is no change; {did_you_mean(change, known)}")
    asked = Change(change)
    if len(reason) > LONGEST_REASON or "\0" in reason:
        raise InvalidRequest(
            f"the reason has {len(reason)} characters: expected up to {LONGEST_REASON}, none NUL",
            f"Give a shorter one; {execution_id[:250]} was not changed.",
        )
    execution = find(execution_id)
    if execution.status == ExecutionStatus.PENDING and asked is Change.STOP:
        if transition(
            execution_id,
            ExecutionStatus.TERMINATED,
            actor=actor,
            via=via,
            reason=reason or f"stopped by {actor} before it began",
            cause=EndCause.STOPPED,
            sources=[ExecutionStatus.PENDING],
        ):
            return Requested(find(execution_id))
        execution = find(execution_id)  # a runner was quicker
    if execution.status in TERMINAL:
        raise Conflict(
            f"{execution_id} is {execution.status} already: it cannot {change}",
            "Its record says how it ended; start another one.",
        )
    if execution.status == ExecutionStatus.PENDING:
        raise Conflict(
            f"{execution_id} is pending: it cannot {change}", "It can be stopped, or waited for."
        )
    if execution.status == _REACHED.get(asked):
        return Requested(execution)
    announcer().require_broker()
    # Before it is said: whoever reads that the database does not answer may count on no change.
    with transaction.atomic():
        _note_request(execution, asked, actor)
        record_event(execution_id, f"{change}_requested", actor=actor, via=via, reason=reason)
    if announcer().command(execution, change, reason):
        return Requested(execution)
    return Requested(
        execution,
        f"The broker has not confirmed the {change} yet: it is sent as soon as the broker takes "
        f"it, and lapses after {COMMAND_LIFE_MS // 1000} s.",
    )


def _note_request(execution: WorkflowExecution, change: Change, actor: str) -> None:
    """Note what is asked of the runner. A stop that is not reached yet is not forgotten."""
    rows = WorkflowExecution.objects.filter(pk=execution.pk, status__in=ACTIVE)
    if change is not Change.STOP:
        rows = rows.exclude(requested_change=Change.STOP)
    rows.update(
        requested_change=change,
        change_requested_at=timezone.now(),
        change_requested_by=actor[:100],
    )
    execution.refresh_from_db(fields=_REQUEST)


def report(
    execution_id: str, changes: Mapping[str, Any], *, actor: str, via: str
) -> WorkflowExecution:
    """Record what a runner reports of its execution: status, metrics, environment, errors.

    Metrics and environment are added to those that are there, key by key. Raises Conflict for a
    status that cannot follow the present one, InvalidRequest for what a runner cannot change.
    """
    fields = dict(changes)
    for name in fields:
        if name not in REPORTED:
            raise InvalidRequest(
                f"{name} of an execution cannot be changed; {did_you_mean(name, REPORTED)}"
            )
    status = fields.pop("status", None)
    cause = EndCause(fields.pop("end_cause", None) or EndCause.REPORTED)
    with transaction.atomic():
        execution = _locked(execution_id)
        for name in _MERGED:
            if name in fields:
                fields[name] = {**getattr(execution, name), **fields[name]}
        if status is not None and status != execution.status:
            if execution.status not in EXECUTION_SOURCES.get(status, ()):
                raise Conflict(
                    f"{execution_id} is {execution.status}: it cannot become {status}",
                    execution.status_reason,
                )
            reason = fields.pop("status_reason", "")
            _reach(execution, status, cause, reason, Requester(actor, via), fields)
        elif fields:
            WorkflowExecution.objects.filter(pk=execution_id).update(**fields)
            notify_changed([execution_id])
    return find(execution_id)


def _reach(
    execution: WorkflowExecution,
    status: str,
    cause: EndCause,
    reason: str,
    reporter: Requester,
    fields: Mapping[str, Any],
) -> None:
    """Bring an execution into the status that is reported, in the name of who asked for it."""
    asked = requester_of(execution, status, cause)
    if asked is not None and cause is EndCause.RUNNER_STOPPED:
        reason = f"{reason}: its agents were stopped by {asked.name}"
    by = asked or reporter
    transition(
        execution.execution_id,
        status,
        actor=by.name,
        via=by.via,
        reason=reason,
        cause=cause,
        data={"carried_out_by": reporter.name} if asked else {},
        **fields,
    )


def renew_leases(runner: str, ticks: Mapping[str, float | None]) -> list[str]:
    """Renew a runner's leases; return the executions that are not (or no longer) its own.

    ``ticks``: by execution, how far its simulated clock is; None where that is not said.
    """
    execution_ids = list(ticks)
    if not execution_ids:
        return []
    mine = WorkflowExecution.objects.filter(
        pk__in=execution_ids,
        runner=runner,
        status__in=[ExecutionStatus.RUNNING, ExecutionStatus.PAUSED],
    )
    now = timezone.now()
    if mine.update(lease_expires_at=now + LEASE, **_clocks(ticks, now)) == len(execution_ids):
        return []
    kept = set(mine.values_list("execution_id", flat=True))
    return [execution_id for execution_id in execution_ids if execution_id not in kept]


def _clocks(ticks: Mapping[str, float | None], now: datetime) -> dict[str, Case]:
    """Return what notes the ticks, and for those that changed when."""
    known = {execution_id: tick for execution_id, tick in ticks.items() if tick is not None}
    if not known:
        return {}
    news = [
        When(Q(pk=execution_id) & ~Q(simulation_tick=tick), then=Value(now))
        for execution_id, tick in known.items()
    ]
    values = [When(pk=execution_id, then=Value(tick)) for execution_id, tick in known.items()]
    return {
        "tick_changed_at": Case(*news, default=F("tick_changed_at")),
        "simulation_tick": Case(*values, default=F("simulation_tick")),
    }


def _locked(execution_id: str) -> WorkflowExecution:
    execution: WorkflowExecution | None = (
        WorkflowExecution.objects.select_for_update().filter(pk=execution_id).first()
    )
    return execution or find(execution_id)
