"""The messages of a whole fast-processing run, in the order in which agents send them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from monitor.ingest import batch
from monitor.ingest.batch import Recorded
from monitor.ingest.entry import Incoming, read_entry

BROADCAST = "/topic/epictopic"
WORKERS = "/topic/panda.slices"
WORKER_TYPES = ("run_imminent_worker", "end_run_worker")


@dataclass
class FastRun:
    """A run with the slices that one worker after the other processes, in simulated time."""

    run_number: int = 100001
    execution_id: str = "stf_datataking-tester-0001"
    stf_count: int = 3
    slices_per_sample: int = 4
    interval: float = 2.0
    processing_time: float = 30.0
    workers: int = 2
    failing: frozenset[tuple[int, int]] = frozenset()
    """Slices, as (STF sequence, slice id), that fail."""
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free = [0.0] * self.workers
        self._begin()
        for sequence in range(1, self.stf_count + 1):
            self._stf(sequence)
        self._end()

    def incoming(self) -> list[Incoming]:
        return [as_incoming(body) for body in self.bodies]

    def say(self, msg_type: str, tick: float, sender: str, **fields: Any) -> None:
        number = len(self.bodies)
        self.bodies.append(
            {
                "msg_type": msg_type,
                "message_id": str(uuid.UUID(int=self.run_number * 10**6 + number)),
                "namespace": "tests",
                "sender": sender,
                "execution_id": self.execution_id,
                "run_id": str(self.run_number),
                "timestamp": f"2026-01-02T03:04:05.{number:06d}+00:00",
                "simulation_tick": tick,
                "time_scale": 0.0,
                "state": "run",
                "substate": "physics",
                **fields,
            }
        )

    def _begin(self) -> None:
        before = {"state": "beam", "substate": "not_ready"}
        self.say("run_imminent", 0.0, "runner-1", **before)
        self.say(
            "run_imminent_worker",
            0.0,
            "fast-1",
            **before,
            target_worker_count=self.workers,
            worker_rampup_time=0,
            worker_rampdown_time=0,
            slice_processing_time=self.processing_time,
        )
        self.say(
            "worker_status",
            0.0,
            "worker-1",
            workers=[
                {
                    "worker_id": f"worker-1.{self.run_number}.{number}",
                    "status": "idle",
                    "location": "here",
                    "started_tick": 0.0,
                    "started_at": "2026-01-02T03:04:05+00:00",
                }
                for number in range(self.workers)
            ],
        )
        self.say("start_run", 0.0, "runner-1")

    def _stf(self, sequence: int) -> None:
        tick = self.interval * sequence
        stf = f"swf.{self.run_number}.{sequence:06d}.stf"
        sample = f"swf.{self.run_number}.{sequence:06d}_tf_000.tf"
        count = self.slices_per_sample
        self.say("stf_gen", tick, "runner-1", filename=stf, sequence=sequence)
        self.say(
            "stf_ready",
            tick,
            "data-1",
            filename=stf,
            size_bytes=1000,
            checksum="0a0b0c0d",
            sequence=sequence,
            tf_count=1000,
        )
        self.say(
            "tf_file_registered",
            tick,
            "fastmon-1",
            tf_filename=sample,
            stf_filename=stf,
            tf_first=0,
            tf_last=49,
            tf_count=50,
        )
        slices = [
            {"slice_id": k, "tf_first": 10 * k, "tf_last": 10 * k + 9, "tf_count": 10}
            for k in range(count)
        ]
        self.say(
            "tf_slices_registered",
            tick,
            "fast-1",
            tf_filename=sample,
            stf_filename=stf,
            slices=slices,
        )
        self._work(sequence, sample, tick)

    def _work(self, sequence: int, sample: str, tick: float) -> None:
        results = []
        for slice_id in range(self.slices_per_sample):
            worker = self._free.index(min(self._free))
            started = max(tick, self._free[worker])
            self._free[worker] = started + self.processing_time
            failed = (sequence, slice_id) in self.failing
            results.append(
                {
                    "tf_filename": sample,
                    "slice_id": slice_id,
                    "status": "failed" if failed else "done",
                    "worker": f"worker-1.{self.run_number}.{worker}",
                    "started_tick": started,
                    "finished_tick": started + self.processing_time,
                    "retries": 3 if failed else 0,
                    "error": "segmentation violation" if failed else "",
                }
            )
        started_news = [
            {**result, "status": "processing", "finished_tick": None, "error": ""}
            for result in results
        ]
        self.say("slice_status", tick, "fast-1", slices=started_news)
        self.say("slice_status", tick, "fast-1", slices=results)

    def _end(self) -> None:
        tick = self.interval * (self.stf_count + 1)
        after = {"state": "beam", "substate": "not_ready"}
        self.say("end_run", tick, "runner-1", **after, total_stf_files=self.stf_count)
        self.say("end_run_worker", tick, "fast-1", **after)
        self.say(
            "worker_status",
            tick,
            "worker-1",
            **after,
            workers=[
                {
                    "worker_id": f"worker-1.{self.run_number}.{number}",
                    "status": "stopped",
                    "slices_completed": 7,
                    "busy_seconds": 210.0,
                    "ended_tick": tick,
                }
                for number in range(self.workers)
            ],
        )


def as_incoming(body: Any, **headers: str) -> Incoming:
    """Return a delivery of a body: bytes as they are, everything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = body.get("msg_type") if isinstance(body, dict) else ""
    return Incoming(data, headers, WORKERS if kind in WORKER_TYPES else BROADCAST)


def record(*bodies: Any) -> Recorded:
    """Record bodies as one batch."""
    return record_batch([as_incoming(body) for body in bodies])


def record_batch(incoming: Iterable[Incoming]) -> Recorded:
    """Record deliveries as one batch."""
    return batch.record_batch([read_entry(each) for each in incoming])


def in_batches(incoming: Iterable[Incoming], size: int) -> None:
    """Record deliveries in batches of ``size``."""
    rest = list(incoming)
    for start in range(0, len(rest), size):
        record_batch(rest[start : start + size])


@contextmanager
def rolled_back() -> Iterator[None]:
    """Leave the database as it was: for examples that share one test's transaction."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
