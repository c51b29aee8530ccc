"""What agents leave behind that are gone without a word: their executions, their workers."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F

from monitor.health.liveness import LATE_FOR, Liveness, liveness_of
from monitor.records.database.bulk import portions
from monitor.records.database.notify import notify_runs_changed
from monitor.records.database.write_lock import one_writer
from monitor.records.models import (
    RunState,
    SystemAgent,
    Worker,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.models.agents import UNDECLARED_INTERVAL
from monitor.records.states import (
    ACTIVE,
    WORKERS_AT_WORK,
    WORKERS_GONE,
    ExecutionStatus,
    WorkerStatus,
)
from monitor.records.transitions import transition
from swf_common_lib.states import EndCause

ACTOR, VIA = "monitor", "sweeper"
LOST_AFTER = timedelta(seconds=LATE_FOR * UNDECLARED_INTERVAL)
"""Time after which an agent that declares no interval, as agents in the field, is silent."""
_GONE = (Liveness.SILENT, Liveness.EXITED)
_OF_THE_RUNNER = ("run_imminent", "start_run", "stf_gen")

logger = logging.getLogger(__name__)


def look_after_lost(now: datetime) -> None:
    """End executions without a lease, and workers, whose agent has been silent for too long."""
    _end_executions(now)
    _end_workers(now)


def _end_executions(now: datetime) -> None:
    """Fail executions that their runner recorded itself, when it is gone.

    Those that the monitor gave to a runner hold a lease, and are judged by that.
    """
    rows = WorkflowExecution.objects.filter(
        status__in=ACTIVE, lease_expires_at=None, created_at__lt=now - LOST_AFTER
    ).only("runner")
    runners = {execution: execution.runner or _sender(execution) for execution in rows}
    known = _liveness(runners.values(), now)
    for execution, runner in runners.items():
        if runner not in known and not execution.runner:
            continue  # whoever sends its messages need not be one that sends heartbeats
        if known.get(runner, Liveness.SILENT) in _GONE:
            _end_execution(execution.execution_id, runner)


def _end_execution(execution_id: str, runner: str) -> None:
    reason = f"its runner {runner} has missed {LATE_FOR:g} heartbeats"
    if transition(
        execution_id,
        ExecutionStatus.FAILED,
        actor=ACTOR,
        via=VIA,
        reason=reason,
        cause=EndCause.RUNNER_LOST,
        error_message=reason,
        end_unannounced=True,
    ):
        logger.warning("%s is failed: %s", execution_id, reason)


def _sender(execution: WorkflowExecution) -> str:
    """Return who announced the run of an execution that names no runner."""
    announced = WorkflowMessage.objects.filter(
        execution_id=execution.execution_id, message_type__in=_OF_THE_RUNNER
    )
    by_time = announced.order_by("sent_at", "id")  # the order of an index
    sender: str | None = by_time.values_list("sender_agent", flat=True).first()
    return sender or ""


def _end_workers(now: datetime) -> None:
    """Note that the workers of a process that was killed work no more."""
    workers: defaultdict[str, list[str]] = defaultdict(list)
    present = Worker.objects.exclude(status__in=WORKERS_GONE)
    for worker_id in present.values_list("worker_id", flat=True):
        workers[_process_of(worker_id)].append(worker_id)
    for agent, liveness in _liveness(workers, now).items():
        if liveness in _GONE:
            _end(workers[agent], now)
            logger.warning("%d workers of %s are failed: it is gone", len(workers[agent]), agent)


def _process_of(worker_id: str) -> str:
    """Return the agent's name in an id as our workers have it: agent, run, number."""
    agent, _, number = worker_id.rpartition(".")
    agent, _, run = agent.rpartition(".")
    return agent if run.isdigit() and number.isdigit() else ""


def _end(worker_ids: list[str], now: datetime) -> None:
    for portion in portions(worker_ids):
        with one_writer():
            rows = Worker.objects.filter(worker_id__in=portion).exclude(status__in=WORKERS_GONE)
            left: defaultdict[int | None, int] = defaultdict(int)
            at_work = rows.filter(status__in=WORKERS_AT_WORK)
            for run_number in at_work.values_list("run_number", flat=True):
                left[run_number] += 1
            rows.update(
                status=WorkerStatus.FAILED, ended_at=now, current_slice_id=None, tf_filename=""
            )
            for run_number, count in left.items():
                RunState.objects.filter(pk=run_number).update(
                    active_worker_count=F("active_worker_count") - count, updated_at=now
                )
            notify_runs_changed(left)


def _liveness(agents: Iterable[str], now: datetime) -> dict[str, Liveness]:
    """Return how those of the agents stand that ever sent a heartbeat."""
    known: dict[str, Liveness] = {}
    for portion in portions(sorted({agent for agent in agents if agent})):
        rows = SystemAgent.objects.filter(instance_name__in=portion).exclude(last_heartbeat=None)
        known.update({agent.instance_name: liveness_of(agent, now) for agent in rows})
    return known
