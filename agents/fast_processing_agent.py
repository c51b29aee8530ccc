"""The fast processing agent: cuts samples into slices, queues them, follows their results."""

from __future__ import annotations

import zlib
from collections import defaultdict
from typing import Any

from agents.run_parameters import ParametersOfRuns, RunParameters
from agents.sampling import TfRange, cut
from agents.workers.recent_keys import RecentKeys
from agents.workers.results import SliceOutcome, outcome
from swf_common_lib.agent_main import run_agent
from swf_common_lib.base_agent import BaseAgent, SubscriptionSpec
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import (
    EndRun,
    Message,
    RunImminent,
    SliceResult,
    TfFileRegistered,
    derived_id,
    utc_now,
)
from swf_common_lib.messaging import CUMULATIVE, SLICE_RESULTS, WORKERS
from swf_common_lib.messaging.destinations import slice_queue
from swf_common_lib.roles import FAST_PROCESSING
from swf_common_lib.settings import Settings
from swf_common_lib.states import SliceStatus

RESULTS_PREFETCH = 2000
REMEMBERED_RESULTS = 20_000
"""Results whose repetition is recognised: more than a broker may deliver again."""
STATES_A_MESSAGE = 500
"""Slices in one ``slice_status`` message."""

RunKey = tuple[str, str]
"""Execution and run."""


class FastProcessingAgent(BaseAgent):
    """Makes slices of the TF samples, queues them for the workers, and follows their results.

    A failed slice is queued again until its tries are used up; the slice message itself counts
    them (``retries``), so the count outlives this process.
    """

    agent_type = FAST_PROCESSING.agent_type
    description = "slices TF samples and follows the workers' results"

    def __init__(self, settings: Settings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.parameters = ParametersOfRuns(self)
        self.slices_queued = 0
        self.results_seen = 0
        self._news: dict[RunKey, list[tuple[SliceResult, dict[str, Any]]]] = defaultdict(list)
        self._seen: RecentKeys[str] = RecentKeys(REMEMBERED_RESULTS)

    def subscriptions(self) -> list[SubscriptionSpec]:
        """Return the subscriptions: broadcasts, and the slice results of this namespace."""
        own = "namespace='" + self.namespace.replace("'", "''") + "'"
        results = SubscriptionSpec(
            SLICE_RESULTS, ack=CUMULATIVE, prefetch=RESULTS_PREFETCH, selector=own
        )
        return [*super().subscriptions(), results]

    # Runs

    def on_run_imminent(self, message: RunImminent) -> None:
        """Announce the run to the workers."""
        parameters = self.parameters.of(message)
        if parameters.fast is not None:
            self.send(WORKERS, "run_imminent_worker", message, **worker_announcement(parameters))

    def on_end_run(self, message: EndRun) -> None:
        """Announce to the workers that data taking is over."""
        if self.parameters.of(message).fast is not None:
            fields = {"reason": message.reason} if message.reason else {}
            self.send(WORKERS, "end_run_worker", message, **fields)

    # Slices

    def on_tf_file_registered(self, message: TfFileRegistered) -> None:
        """Cut the sample, announce its slices, and queue each."""
        fast = self.parameters.of(message).fast
        if fast is None:
            return
        ranges = cut(message.tf_first, message.tf_count, fast.slices_per_sample)
        if len(ranges) < fast.slices_per_sample:
            self.logger.info(
                "%s has %d time frames: %d slices instead of %d",
                message.tf_filename,
                message.tf_count,
                len(ranges),
                fast.slices_per_sample,
            )
        self.broadcast(
            "tf_slices_registered",
            message,
            discriminator=message.tf_filename,
            tf_filename=message.tf_filename,
            stf_filename=message.stf_filename,
            slices=[_registration(part) for part in ranges],
        )
        created_at = utc_now()
        for part in ranges:
            content = _content(message, part)
            self._queue_slice(message, content, created_at, fast.activemq_streams)
        self.total_stf_processed += 1

    def _queue_slice(
        self, cause: Message, content: dict[str, Any], created_at: str, streams: int, **fields: Any
    ) -> None:
        tf_filename, slice_id = content["tf_filename"], content["slice_id"]
        stream = (zlib.crc32(tf_filename.encode()) + slice_id) % streams
        self.send(
            slice_queue(stream),
            "slice",
            cause,
            discriminator=f"{tf_filename}/{slice_id}",
            created_at=created_at,
            content=content,
            **fields,
        )
        self.slices_queued += 1

    # Results

    def on_slice_result(self, message: SliceResult) -> None:
        """Record the result of a slice; queue the slice again when it failed and has tries left."""
        if message.message_id in self._seen:
            return
        result = outcome(message)
        if result is None:
            raise InvalidMessage(
                f"the result of {message.sender or 'a worker'} for run {message.run_id} does not"
                " say which slice it is about",
                "A result names tf_filename and slice_id, in content or in content.result.result.",
            )
        state = result.state()
        if result.failed and self._try_again(message, result):
            state |= {"status": SliceStatus.QUEUED, "retries": result.retries + 1}
        self._news[(message.execution_id, message.run_id)].append((message, state))
        self._seen.add(message.message_id)

    def _try_again(self, message: SliceResult, result: SliceOutcome) -> bool:
        """Queue the slice of a failed try again; return False when that was its last try."""
        fast = self.parameters.of(message).fast
        if fast is None or result.request is None:
            return False
        if result.retries + 1 >= fast.retry_max_attempts:
            self.logger.error("%s failed for good: %s", result, result.error)
            return False
        content = {**result.request, "retries": result.retries + 1, "state": SliceStatus.QUEUED}
        tick = message.simulation_tick if result.finished_tick is None else result.finished_tick
        fields = {} if tick is None else {"simulation_tick": tick}
        self._queue_slice(message, content, utc_now(), fast.activemq_streams, **fields)
        return True

    def finish_batch(self) -> None:
        """Publish the slices' new states, one message per run (several when there are many)."""
        for pairs in self._news.values():
            for start in range(0, len(pairs), STATES_A_MESSAGE):
                self._publish(pairs[start : start + STATES_A_MESSAGE])
        self._news.clear()

    def _publish(self, pairs: list[tuple[SliceResult, dict[str, Any]]]) -> None:
        first = pairs[0][0]
        ticks = [state["finished_tick"] for _, state in pairs if "finished_tick" in state]
        fields = {"simulation_tick": max(ticks)} if ticks else {}
        if first.message_id:
            fields["message_id"] = derived_id(
                first.message_id, "slice_status", *(message.message_id for message, _ in pairs)
            )
        self.broadcast("slice_status", first, slices=[state for _, state in pairs], **fields)
        self.results_seen += len(pairs)

    def heartbeat_metadata(self) -> dict[str, Any]:
        """Return how many slices were queued and how many results came."""
        return {"slices_queued": self.slices_queued, "results_seen": self.results_seen}


def worker_announcement(parameters: RunParameters) -> dict[str, Any]:
    """Return the fields that announce a run with fast processing to the workers."""
    fast = parameters.fast
    if fast is None:
        raise ValueError("the run has no fast processing")
    return {
        "target_worker_count": fast.target_worker_count,
        "worker_rampup_time": fast.worker_rampup_time,
        "worker_rampdown_time": fast.worker_rampdown_time,
        "slice_processing_time": fast.slice_processing_time,
        "activemq_streams": fast.activemq_streams,
        "node_parallelism": fast.node_parallelism,
        "retry_max_attempts": fast.retry_max_attempts,
        "slice_failure_rate": parameters.slice_failure_rate,
    }


def _registration(part: TfRange) -> dict[str, int]:
    return {
        "slice_id": part.slice_id,
        "tf_first": part.first,
        "tf_last": part.last,
        "tf_count": part.count,
    }


def _content(message: TfFileRegistered, part: TfRange) -> dict[str, Any]:
    return {
        "run_id": message.run_id,
        "execution_id": message.execution_id,
        "req_id": derived_id(message.message_id, "request", str(part.slice_id)),
        "filename": message.stf_filename,
        "tf_filename": message.tf_filename,
        "slice_id": part.slice_id,
        "start": part.first,
        "end": part.last,
        "tf_count": part.count,
        "state": SliceStatus.QUEUED,
        "substate": "new",
        "retries": 0,
    }


if __name__ == "__main__":
    raise SystemExit(run_agent(FastProcessingAgent))
