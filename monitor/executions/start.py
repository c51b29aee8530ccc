"""Starting an execution: first a complete record, then its announcement to the runners."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from monitor.executions.announcer import announcer, note_announcement
from monitor.executions.control import claim
from monitor.executions.plan import Plan, make_plan
from monitor.executions.refusals import refusal_recorded
from monitor.executions.request import StartRequest
from monitor.records.database.sequences import next_execution_sequence
from monitor.records.models import Namespace, WorkflowExecution
from monitor.records.states import ExecutionStatus
from monitor.records.transitions import record_event
from swf_common_lib.errors import Conflict

NOBODY = "nobody"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """What came of a start."""

    execution: WorkflowExecution
    repeated: bool
    """Nothing was started now: the same request, with the same key, had started it before."""
    notes: tuple[str, ...] = ()
    """What is odd about its configuration and no fault."""


def start(request: StartRequest) -> Started:
    """Make a pending execution and announce it; one asked for by a runner is claimed at once.

    Raises ConfigurationError, NotFound or InvalidRequest, Conflict for a key that stands for
    another request, and then nothing was started, and the history has the refusal. A broker that
    is not there is no error: the execution is announced when it is back.
    """
    request = replace(request, executed_by=request.executed_by or NOBODY)
    with refusal_recorded(request):
        earlier = _earlier(request)
        if earlier is not None:
            return Started(earlier, repeated=True)
        plan = make_plan(request, settings.TESTBED, request.executed_by).registered()
    try:
        execution = _record(request, plan)
    except IntegrityError:
        earlier = _earlier(request)  # the same key came twice at this very moment
        if earlier is None:
            raise
        return Started(earlier, repeated=True)
    return Started(execution, repeated=False, notes=tuple(plan.expanded.notes))


def _record(request: StartRequest, plan: Plan) -> WorkflowExecution:
    """Record the execution, and see that a runner has it, or hears of it."""
    with transaction.atomic():
        execution = _create(request, plan)
        if request.runner:
            return claim(execution.execution_id, request.runner)
        transaction.on_commit(lambda: _announce(execution))
    return execution


def _earlier(request: StartRequest) -> WorkflowExecution | None:
    if not request.idempotency_key:
        return None
    found: WorkflowExecution | None = (
        WorkflowExecution.objects.select_related("workflow_definition")
        .filter(idempotency_scope=request.key_scope, idempotency_key=request.idempotency_key)
        .first()
    )
    if found is not None and found.request_digest not in ("", request.digest):
        raise Conflict(
            f"idempotency key {request.idempotency_key!r} belongs to another request of "
            f"{found.executed_by}: it started {found.execution_id} at "
            f"{found.created_at.isoformat(timespec='seconds')}",
            "Use another key for another start, or repeat that one with the same arguments.",
        )
    return found


def _create(request: StartRequest, plan: Plan) -> WorkflowExecution:
    now, user = timezone.now(), request.executed_by
    namespace = plan.expanded.sections["testbed"]["namespace"]
    Namespace.objects.get_or_create(name=namespace, defaults={"owner": user})
    execution: WorkflowExecution = WorkflowExecution.objects.create(
        execution_id=_new_id(plan.definition.workflow_name, user),
        workflow_definition=plan.definition,
        namespace=namespace,
        parameter_values=plan.expanded.sections,
        options=plan.options,
        source=plan.source,
        execution_environment={"database": connection.vendor},
        status=ExecutionStatus.PENDING,
        created_at=now,
        # Noted before it is done: a write behind the announcement would hold up the runner's claim.
        # Should it come to nothing, the sweeper announces again.
        announced_at=None if request.runner else now,
        expires_at=now + timedelta(seconds=settings.TESTBED.swf_pending_timeout),
        executed_by=user,
        started_through=request.through,
        idempotency_key=request.idempotency_key or None,
        idempotency_scope=request.key_scope,
        request_digest=request.digest if request.idempotency_key else "",
    )
    record_event(
        execution.execution_id,
        "execution_pending",
        actor=user,
        via=request.through,
        reason="; ".join(plan.expanded.notes),
    )
    return execution


def _new_id(workflow_name: str, user: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.]+", "_", user).strip("_") or NOBODY
    while True:
        execution_id = f"{workflow_name}-{name}-{next_execution_sequence(workflow_name):04d}"
        # An agent that makes its own ids may have used it.
        if not WorkflowExecution.objects.filter(pk=execution_id).exists():
            return execution_id


def _announce(execution: WorkflowExecution) -> None:
    if not announcer().announce(execution):
        note_announcement(execution, None)
        logger.warning("%s is not announced yet: no broker", execution.execution_id)
