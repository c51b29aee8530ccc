"""Changes of an execution's status: each is one conditional UPDATE and one row of history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from monitor.records.database.notify import notify_changed
from monitor.records.models import SystemStateEvent, WorkflowExecution
from monitor.records.states import EXECUTION_SOURCES, TERMINAL, ExecutionStatus
from swf_common_lib.states import Change, EndCause

ANY = Q()
NOTHING: Mapping[str, Any] = MappingProxyType({})
_REACHES = {ExecutionStatus.PAUSED: Change.PAUSE, ExecutionStatus.RUNNING: Change.RESUME}
"""What was asked for once an execution has the status; its end leaves nothing to be asked for."""
_NO_REQUEST = {"requested_change": "", "change_requested_at": None, "change_requested_by": ""}


def transition(
    execution_id: str,
    to: str,
    *,
    actor: str,
    via: str,
    reason: str = "",
    cause: EndCause | None = None,
    data: Mapping[str, Any] = NOTHING,
    sources: Iterable[str] | None = None,
    only_if: Q = ANY,
    **fields: Any,
) -> bool:
    """Bring an execution into status ``to``, set ``fields`` along; return whether it was done.

    It is done only from the statuses that may precede ``to`` (or those of them in ``sources``)
    and only if the row fulfils ``only_if`` at that very moment. ``reason`` becomes the
    execution's ``status_reason``. A terminal status needs its ``cause``, gets ``end_time``,
    unless given, and gives up the lease. A request for change that is reached by it is cleared.
    ``data`` is added to the event of its history.
    """
    allowed = set(EXECUTION_SOURCES[to])
    if sources is not None:
        allowed &= set(sources)
    now = timezone.now()
    changes: dict[str, Any] = {"status": to, "status_reason": reason, **fields}
    if to in TERMINAL:
        changes.setdefault("end_time", now)
        changes["lease_expires_at"] = None
        changes["end_cause"] = _required(cause, to)
        changes["ended_by"] = actor[:100]
        changes.update(_NO_REQUEST)
    else:
        changes.update(_cleared_if_reached(_REACHES[ExecutionStatus(to)]))
    with transaction.atomic(savepoint=False):
        rows = WorkflowExecution.objects.filter(only_if, pk=execution_id, status__in=allowed)
        if not rows.update(**changes):
            return False
        event = f"execution_{to}"
        record_event(execution_id, event, actor=actor, via=via, reason=reason, data=data)
    return True


def _required(cause: EndCause | None, to: str) -> EndCause:
    if cause is None:
        raise ValueError(f"a transition to {to} names no cause")
    return cause


def _cleared_if_reached(change: Change) -> dict[str, Case]:
    reached = Q(requested_change=change)
    return {
        name: Case(When(reached, then=Value(empty)), default=F(name))
        for name, empty in _NO_REQUEST.items()
    }


def record_event(
    execution_id: str,
    event_type: str,
    *,
    actor: str,
    via: str,
    reason: str = "",
    data: Mapping[str, Any] = NOTHING,
) -> None:
    """Add a row to the history: what happened, who caused it, through what, why, and ``data``."""
    run_number = (
        WorkflowExecution.objects.filter(pk=execution_id)
        .values_list("run_number", flat=True)
        .first()
    )
    SystemStateEvent.objects.create(
        timestamp=timezone.now(),
        run_number=run_number,
        execution_id=execution_id,
        event_type=event_type,
        actor=actor[:100],
        via=via[:20],
        event_data={"reason": reason, **data},
    )
    notify_changed([execution_id])
