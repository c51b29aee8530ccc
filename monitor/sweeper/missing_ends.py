"""``end_run`` in the stead of a runner that is gone, so that no agent is left waiting."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from monitor.executions.announcer import announcer
from monitor.records.models import RunState, WorkflowExecution, WorkflowMessage
from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messages import derived_id

RUN_MAY_APPEAR = timedelta(seconds=60)
"""How long after an execution's end its run may still become known, when ingest is behind."""

logger = logging.getLogger(__name__)


def announce_ends(now: datetime) -> None:
    """Broadcast the end of runs whose execution ended without its runner, until confirmed."""
    rows = WorkflowExecution.objects.filter(end_unannounced=True)
    for execution in rows.only("namespace", "options", "status_reason", "end_time"):
        state = RunState.objects.filter(execution_id=execution.execution_id).first()
        if state is None:
            ended = execution.end_time or now
            if now - ended > RUN_MAY_APPEAR:
                _settle(execution)
            continue
        if state.total_stf_files is None:
            try:
                announcer().require_broker()
            except BrokerUnavailable as error:
                logger.info("end_run of %s waits: %s", execution.execution_id, error.detail)
                return
            if not announcer().broadcast(_end_run(execution, state)):
                return
            logger.warning("announced end_run of run %s in its runner's stead", state.run_number)
        _settle(execution)


def _settle(execution: WorkflowExecution) -> None:
    WorkflowExecution.objects.filter(pk=execution.execution_id).update(end_unannounced=False)


def _end_run(execution: WorkflowExecution, state: RunState) -> dict[str, Any]:
    last = (
        WorkflowMessage.objects.filter(execution_id=execution.execution_id)
        .order_by("-sent_at", "-id")
        .values_list("content__simulation_tick", flat=True)
        .first()
    )
    return {
        "msg_type": "end_run",
        # Always the same: said twice, it is recorded once.
        "message_id": derived_id(execution.execution_id, "end_run"),
        "namespace": execution.namespace,
        "execution_id": execution.execution_id,
        "run_id": str(state.run_number),
        "state": "beam",
        "substate": "not_ready",
        "total_stf_files": state.stf_files_generated,
        "reason": execution.status_reason,
        "simulation_tick": last if isinstance(last, int | float) else 0.0,
        "time_scale": execution.options.get("speed", 0.0),
    }
