"""The sweeper: ends executions whose runner is lost or never came, repeats announcements."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from monitor.database_server import reason
from monitor.executions.announcer import announcer
from monitor.executions.control import LEASE
from monitor.health.liveness import live_runners
from monitor.records.models import SystemAgent, WorkflowExecution
from monitor.records.states import ACTIVE, ExecutionStatus
from monitor.records.transitions import transition
from monitor.sweeper.heartbeat import NOTE_INTERVAL, write_heartbeat
from monitor.sweeper.lost_agents import ACTOR, LOST_AFTER, VIA, look_after_lost
from monitor.sweeper.missing_ends import announce_ends
from swf_common_lib.errors import TestbedError
from swf_common_lib.states import EndCause

INTERVAL = 1.0
STALLED = 3.0
"""Seconds between two sweeps after which this process must have stood still; the same for a
write: then heartbeats could not be written either."""
ANNOUNCE_AGAIN = timedelta(seconds=10)
LOST_INTERVAL = 10.0
"""Seconds between two searches for the work of lost agents."""
_COLUMNS = (
    "status",
    "namespace",
    "runner",
    "created_at",
    "announced_at",
    "expires_at",
    "lease_expires_at",
    "workflow_definition__workflow_name",
)
"""The columns that are read of each unfinished execution."""

logger = logging.getLogger(__name__)


class Sweeper(threading.Thread):
    """Checks unfinished executions once a second, in the process that gets the heartbeats.

    It judges leases and runners only after it has been able to work for ``settling`` seconds, as
    long as a lease lasts, and other agents after ``patience`` seconds: a monitor that was away,
    stopped or without its database has heard no heartbeats itself.
    """

    def __init__(
        self,
        interval: float = INTERVAL,
        settling: float = LEASE.total_seconds(),
        patience: float = LOST_AFTER.total_seconds(),
    ) -> None:
        super().__init__(name="sweeper", daemon=True)
        self._interval = interval
        self._settling = settling
        self._patience = patience
        self._next_lost = 0.0
        self._next_note = 0.0
        self._closing = threading.Event()
        self._able_since = time.monotonic()
        self._last = time.monotonic()

    def run(self) -> None:
        """Sweep until closed; after a failure of database or broker, log it and go on."""
        trouble = ""
        while not self._closing.is_set():
            try:
                self.sweep()
                trouble = ""
            except (DatabaseError, TestbedError) as error:
                said = reason(error) if isinstance(error, DatabaseError) else str(error)
                if said != trouble:
                    logger.warning("the sweeper cannot work: %s", said)
                trouble = said
                self._begin_anew()
            except Exception as error:  # whatever it is, nobody else checks executions
                if str(error) != trouble:
                    logger.exception("the sweeper failed; it tries again every second")
                trouble = str(error)
                self._begin_anew()
            self._closing.wait(self._interval)
        connection.close()

    def _begin_anew(self) -> None:
        self._able_since = time.monotonic()
        connection.close()

    def close(self) -> None:
        """Stop sweeping."""
        self._closing.set()
        if self.is_alive():
            self.join(5.0)

    def sweep(self) -> None:
        """Check everything once."""
        beginning = time.monotonic()
        if beginning - self._last > STALLED + self._interval:
            self._able_since = beginning
        now = timezone.now()
        unfinished = list(
            WorkflowExecution.objects.select_related("workflow_definition")
            .filter(status__in=[ExecutionStatus.PENDING, *ACTIVE])
            .only(*_COLUMNS)  # code and parameters are large
        )
        if any(execution.lease_expires_at for execution in unfinished):
            self._check_writable()
        pending = [e for e in unfinished if e.status == ExecutionStatus.PENDING and e.expires_at]
        able = beginning - self._able_since
        settled = able >= self._settling
        if pending:
            self._check_pending(pending, now, settled)
        self._shorten_leases(unfinished, now)
        if settled:
            for execution in unfinished:
                if execution.lease_expires_at is not None and execution.lease_expires_at < now:
                    self._end(execution, now)
        if able >= self._patience and beginning >= self._next_lost:
            self._next_lost = beginning + LOST_INTERVAL
            look_after_lost(now)
        announce_ends(now)
        self._last = time.monotonic()
        if self._last >= self._next_note:
            self._next_note = self._last + NOTE_INTERVAL
            write_heartbeat(now)

    def _check_writable(self) -> None:
        """Run an update without rows on both tables that heartbeats write, and time it.

        If somebody's lock makes that take long, no lease can have been renewed meanwhile.
        """
        beginning = time.monotonic()
        SystemAgent.objects.filter(pk=0).update(description="")
        WorkflowExecution.objects.filter(pk="").update(status_reason="")
        if time.monotonic() - beginning > STALLED:
            logger.warning("the database let nobody write for a while: leases are judged later")
            self._able_since = time.monotonic()

    def _shorten_leases(self, unfinished: list[WorkflowExecution], now: datetime) -> None:
        """Shorten leases that end too late: the clock was set back since they were given."""
        for execution in unfinished:
            lease = execution.lease_expires_at
            if lease is not None and lease > now + 2 * LEASE:
                rows = WorkflowExecution.objects.filter(pk=execution.pk, lease_expires_at=lease)
                rows.update(lease_expires_at=now + LEASE)

    def _check_pending(
        self, pending: list[WorkflowExecution], now: datetime, settled: bool
    ) -> None:
        runners: list[str] | None = None
        for execution in pending:
            if execution.expires_at is not None and execution.expires_at < now and settled:
                runners = live_runners() if runners is None else runners
                self._expire(execution, runners, now)
            elif _unheard(execution, now) and announcer().status().connected:
                announcer().announce_again(execution)

    def _expire(self, execution: WorkflowExecution, runners: list[str], now: datetime) -> None:
        waited = (now - execution.created_at).total_seconds()
        if runners:  # all are busy: it waits for its turn
            later = now + timedelta(seconds=settings.TESTBED.swf_pending_timeout)
            WorkflowExecution.objects.filter(
                pk=execution.execution_id, status=ExecutionStatus.PENDING
            ).update(expires_at=later)
        elif transition(
            execution.execution_id,
            ExecutionStatus.TERMINATED,
            actor=ACTOR,
            via=VIA,
            reason=f"no workflow runner took it within {waited:.0f} s",
            cause=EndCause.NEVER_CLAIMED,
            sources=[ExecutionStatus.PENDING],
        ):
            logger.warning("%s is terminated: nobody took it", execution.execution_id)

    def _end(self, execution: WorkflowExecution, now: datetime) -> None:
        reason = (
            f"its runner {execution.runner} stopped answering (no heartbeat for more than "
            f"{LEASE.total_seconds():.0f} s)"
        )
        if transition(
            execution.execution_id,
            ExecutionStatus.FAILED,
            actor=ACTOR,
            via=VIA,
            reason=reason,
            cause=EndCause.RUNNER_LOST,
            only_if=Q(lease_expires_at__lt=now),
            error_message=reason,
            end_unannounced=True,
        ):
            logger.warning("%s is failed: %s", execution.execution_id, reason)


def _unheard(execution: WorkflowExecution, now: datetime) -> bool:
    announced = execution.announced_at
    # In either direction: the clock may have been set back since.
    return announced is None or abs(announced - now) > ANNOUNCE_AGAIN
