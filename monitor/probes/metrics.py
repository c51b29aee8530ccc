"""What ``/metrics`` tells Prometheus, gathered when it asks.

A scrape counts neither messages nor slices, however many there are. The number of messages is the
id that the newest one was given, slices are summed from the counts that each run's state keeps,
and what goes through all runs and executions is kept for ``KEPT`` seconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from django.db import Error
from django.db.models import Count, Max, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from monitor.executions.announcer import announcer
from monitor.ingest.presence import INSTANCE_NAME, SILENCE
from monitor.probes.agents import agents_by_liveness
from monitor.probes.found import current_findings
from monitor.probes.queues import queue_metrics
from monitor.probes.request_times import new_request_times
from monitor.records.models import RunState, SystemAgent, WorkflowExecution, WorkflowMessage
from monitor.records.states import ExecutionStatus, RunPhase, SliceStatus
from swf_common_lib.findings import FindingCode
from swf_common_lib.settings import Settings

KEPT = 10.0
"""Seconds for which one look at all runs and executions serves every scrape."""

Counts = dict[str, int]


class Metrics(Collector):
    """The figures of one server. For any thread."""

    def __init__(self, settings: Settings) -> None:
        self.request_times = new_request_times()
        self._settings = settings
        self._lock = threading.Lock()
        self._totals: tuple[Counts, Counts, Counts] | None = None
        self._totals_until = 0.0
        self._found: Counts = {}
        self._found_until = 0.0

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all figures in a form that the header ``accept`` takes, and its type."""
        registry = CollectorRegistry()
        registry.register(self.request_times)
        registry.register(self)
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield the figures as they are now; those of a database that is away are left out."""
        try:
            found = [*self._record_metrics(), *_agent_metrics(), *_ingest_metrics()]
        except Error:
            found = []
        up = GaugeMetricFamily("swf_database_up", "Whether the database answers.")
        up.add_metric((), float(bool(found)))
        yield up
        yield from found
        yield from queue_metrics(announcer().queues.read())
        codes = [code.value for code in FindingCode]
        found_by_code = self._kept_findings() if found else {FindingCode.DATABASE_AWAY.value: 1}
        about = "What needs a hand or is worth knowing."
        yield _gauge("swf_findings", about, "code", found_by_code, codes)

    def _kept_findings(self) -> Counts:
        """Return the findings by code; looking for them costs more than the figures do."""
        with self._lock:
            if time.monotonic() >= self._found_until:
                self._found = Counter(finding.code.value for finding in current_findings())
                self._found_until = time.monotonic() + KEPT
            return self._found

    def _record_metrics(self) -> Iterator[Metric]:
        executions, runs, slices = self._kept_totals()
        yield _gauge("swf_executions", "Executions.", "status", executions, ExecutionStatus.values)
        yield _gauge("swf_runs", "Runs.", "phase", runs, RunPhase.values)
        yield _gauge("swf_slices", "TF slices.", "status", slices, SliceStatus.values)
        newest = WorkflowMessage.objects.aggregate(newest=Max("pk"))["newest"] or 0
        yield CounterMetricFamily(
            "swf_messages_recorded",
            "Messages recorded: the id of the newest, which counts those that were pruned too.",
            value=newest,
        )

    def _kept_totals(self) -> tuple[Counts, Counts, Counts]:
        with self._lock:
            if self._totals is None or time.monotonic() >= self._totals_until:
                self._totals = _totals()
                self._totals_until = time.monotonic() + KEPT
            return self._totals


def _totals() -> tuple[Counts, Counts, Counts]:
    """Return executions by status, runs by phase and slices by status, in two queries."""
    executions = dict(
        WorkflowExecution.objects.order_by()
        .values_list("status")
        .annotate(Count("pk"))
        .values_list("status", "pk__count")
    )
    sums = {status: Sum(f"slices_{status}") for status in SliceStatus.values}
    runs: Counts = {}
    slices: Counter[str] = Counter()
    for row in RunState.objects.order_by().values("phase").annotate(runs=Count("pk"), **sums):
        runs[row["phase"]] = row["runs"]
        slices.update({status: row[status] for status in SliceStatus.values})
    return executions, runs, dict(slices)


def _agent_metrics() -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "swf_agents",
        "Agents that were heard of in the last 24 hours.",
        labels=("agent_type", "liveness"),
    )
    for (agent_type, liveness), number in sorted(agents_by_liveness().items()):
        family.add_metric((agent_type, liveness), number)
    yield family


def _ingest_metrics() -> Iterator[Metric]:
    row = SystemAgent.objects.filter(instance_name=INSTANCE_NAME).first()
    heard = row is not None and row.last_heartbeat is not None
    up = bool(row and heard and timezone.now() - row.last_heartbeat <= SILENCE and row.mq_connected)
    yield GaugeMetricFamily(
        "swf_ingest_up", "Whether messages are being recorded.", value=float(up)
    )
    lag = row.metadata.get("lag_seconds") if row is not None and up else None
    if isinstance(lag, int | float):
        yield GaugeMetricFamily(
            "swf_ingest_lag_seconds",
            "Seconds from the sending of a message to its record, of the newest one.",
            value=lag,
        )


def _gauge(
    name: str, text: str, label: str, counts: Mapping[str, int], values: Iterable[str]
) -> Metric:
    """Make a gauge with a series for each of ``values``, also for those that do not occur."""
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value in values:
        family.add_metric((value,), counts.get(value, 0))
    return family
