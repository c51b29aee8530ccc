"""What a worker process has to know about a run to work for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.run_parameters import pace, run_parameters
from swf_common_lib.messages import UNPACED, RunImminentWorker, SliceContent

ACKNOWLEDGED_WITHIN = 0.25
"""Wall seconds from the end of a slice until a busy broker has sent another in its place."""
FAST_PREFETCH = 600
"""Slices of an unpaced run at one process at once, over all its queues."""


@dataclass(frozen=True)
class RunPlan:
    """The parameters of a run that its workers need. Times are simulated seconds."""

    run_id: str
    execution_id: str
    namespace: str
    start_tick: float | None
    """When the ramp-up begins; None: with the first slice, for a process that came later."""
    time_scale: float
    """Simulated seconds a wall second; 0: no wall time is spent."""
    workers: int
    """Workers of this process."""
    processing_time: float
    rampup_time: float
    rampdown_time: float
    streams: int
    failure_rate: float

    @property
    def paced(self) -> bool:
        """Return whether simulated time costs wall time."""
        return self.time_scale != UNPACED

    @property
    def prefetch(self) -> int:
        """Slices that one of the run's queues may send ahead of acknowledgements.

        A paced run's are as many as its workers take up while an acknowledgement is on its way:
        fewer would leave workers idle, more would be kept from other processes.
        """
        slices = FAST_PREFETCH
        if self.paced:
            each = self.processing_time / self.time_scale
            ahead = self.workers * ACKNOWLEDGED_WITHIN / each if each > 0 else FAST_PREFETCH
            slices = self.workers + int(min(ahead, FAST_PREFETCH))
        return max(1, -(-slices // self.streams))

    @property
    def selector(self) -> str:
        """The condition on a queue's messages that they belong to the run."""
        namespace = self.namespace.replace("'", "''")
        return f"namespace='{namespace}' AND run_id='{self.run_id}'"

    def fails(self, work: SliceContent, retries: int) -> bool:
        """Return whether this try of a slice fails on purpose: always the same for the same try."""
        if self.failure_rate <= 0:
            return False
        identity = f"{work.tf_filename}\x1f{work.slice_id}\x1f{retries}"
        digest = hashlib.sha256(identity.encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.failure_rate * 2**64


def announced_plan(message: RunImminentWorker, slots: int) -> RunPlan:
    """Return the plan of a run that is announced; ``slots`` (0: any) limits this process."""
    extra = message.model_extra or {}
    return RunPlan(
        run_id=message.run_id,
        execution_id=message.execution_id,
        namespace=message.namespace,
        start_tick=message.simulation_tick or 0.0,
        time_scale=pace(message),
        workers=process_workers(message.target_worker_count, message.node_parallelism, slots),
        processing_time=message.slice_processing_time,
        rampup_time=message.worker_rampup_time,
        rampdown_time=message.worker_rampdown_time,
        streams=message.activemq_streams,
        failure_rate=float(extra.get("slice_failure_rate", 0.0)),
    )


def joined_plan(run_id: str, execution: Mapping[str, Any], slots: int) -> RunPlan | None:
    """Return the plan of a run that goes on already, from the record of its execution.

    None when the run has no fast processing.
    """
    parameters = run_parameters(execution["parameter_values"])
    fast = parameters.fast
    if fast is None:
        return None
    options = execution.get("options") or {}
    return RunPlan(
        run_id=run_id,
        execution_id=execution["execution_id"],
        namespace=execution["namespace"],
        start_tick=None,
        time_scale=max(UNPACED, float(options.get("speed") or UNPACED)),
        workers=process_workers(fast.target_worker_count, fast.node_parallelism, slots),
        processing_time=fast.slice_processing_time,
        rampup_time=fast.worker_rampup_time,
        rampdown_time=fast.worker_rampdown_time,
        streams=fast.activemq_streams,
        failure_rate=parameters.slice_failure_rate,
    )


def process_workers(target: int, node_parallelism: int, slots: int) -> int:
    """Return the workers of one process: the run's target, limited by the node and the process."""
    return max(1, min(target, node_parallelism or target, slots or target))
