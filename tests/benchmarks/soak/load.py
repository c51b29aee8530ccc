"""One run at a given rate: how it went, and whether all of it was recorded exactly once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.stack import Stack
from tests.waiting import wait_until

SLICES_PER_SAMPLE = 15
CYCLE = 2.2
"""Simulated seconds from one STF to the next, with the default configuration."""
PROCESSING_TIME = 30.0
IN_HAND = SLICES_PER_SAMPLE * PROCESSING_TIME / CYCLE
"""Slices that are at a worker at any time, and so the backlog of a run that nothing holds up."""
WORKERS = math.ceil(1.15 * IN_HAND)
_PROGRESS = (
    "SELECT stf_files_generated, slices_created, slices_completed + slices_failed, phase"
    " FROM records_runstate WHERE run_number = %s"
)


@dataclass(frozen=True)
class Look:
    """The counts of a run at a moment of monotonic time."""

    moment: float
    stfs: int
    created: int
    finished: int

    @property
    def backlog(self) -> int:
        """Return the number of slices that are recorded as made and not as finished."""
        return self.created - self.finished


@dataclass
class Load:
    """A run of the default fast processing, faster."""

    stf_rate: float
    """STFs a wall second."""
    seconds: float
    """Wall seconds of data taking."""
    execution_id: str = ""
    run_number: int = 0
    looks: list[Look] = field(default_factory=list)

    @property
    def stfs(self) -> int:
        """Return the number of STFs of the whole run."""
        return round(self.stf_rate * self.seconds)

    def start(self, stack: Stack) -> None:
        """Start it; returns when its run is known."""
        client = stack.client()
        body = {
            "workflow": "stf_datataking",
            "config": "fast_processing_default",
            "executed_by": "soak",
            "speed": self.stf_rate * CYCLE,
            "parameters": {
                "stf_count": self.stfs,
                "target_worker_count": WORKERS,
            },
        }
        self.execution_id = client.post("workflow-executions/start/", body)["execution_id"]

        def run_number() -> int:
            record = client.get(f"workflow-executions/{self.execution_id}/")
            return record["run_number"] or 0

        self.run_number = wait_until(run_number)

    def look(self, database: psycopg.Connection[Any]) -> str:
        """Record the present counts, and return the phase of the run."""
        found = database.execute(_PROGRESS, [self.run_number]).fetchone()
        if found is None:
            return ""
        self.looks.append(Look(time.monotonic(), *found[:3]))
        return str(found[3])

    def between(self, begin: float, end: float) -> list[Look]:
        """Return the counts recorded in a period."""
        return [look for look in self.looks if begin <= look.moment <= end]

    def taking(self) -> tuple[float, float]:
        """Return start and end of data taking: the first look, and the last but one with new STFs.

        It ended some time before the last one, and a rate up to there would be too low.
        """
        growing = [
            look
            for before, look in zip(self.looks, self.looks[1:], strict=False)
            if look.stfs > before.stfs
        ]
        return (growing[0].moment, growing[-2].moment) if len(growing) > 1 else (0.0, 0.0)


def rates(looks: list[Look]) -> tuple[float, float]:
    """Return STFs and finished slices a second over a period."""
    if len(looks) < 2:
        return 0.0, 0.0
    first, last = looks[0], looks[-1]
    seconds = last.moment - first.moment
    return (last.stfs - first.stfs) / seconds, (last.finished - first.finished) / seconds


def shortfalls(load: Load, database: psycopg.Connection[Any]) -> list[str]:
    """Return what is not recorded exactly once; call it when the run is completed."""
    stfs, slices = load.stfs, load.stfs * SLICES_PER_SAMPLE
    expected = {
        **dict.fromkeys(("stf_gen", "stf_ready", "tf_file_registered"), stfs),
        "tf_slices_registered": stfs,
        "run_imminent": 1,
        "start_run": 1,
        "end_run": 1,
        "run_imminent_worker": 1,
        "end_run_worker": 1,
        "STF files": stfs,
        "samples": stfs,
        "slices": slices,
        "slices completed": slices,
        "slices counted as completed": slices,
        "results told": slices,
        "different results told": slices,
        "messages with a problem": 0,
    }
    found = _recorded(load, database)
    return [
        f"{name}: {found.get(name, 0):,} instead of {number:,}"
        for name, number in expected.items()
        if found.get(name, 0) != number
    ]


_TOLD = """
SELECT count(*), count(DISTINCT (told ->> 'tf_filename', told ->> 'slice_id'))
FROM records_workflowmessage, jsonb_array_elements(content -> 'slices') AS told
WHERE execution_id = %s AND message_type = 'slice_status' AND told ->> 'status' = 'completed'
"""


def _recorded(load: Load, database: psycopg.Connection[Any]) -> dict[str, int]:
    def one(sql: str, value: object) -> tuple[Any, ...]:
        row = database.execute(sql, [value]).fetchone()
        assert row is not None
        return tuple(row)

    found: dict[str, int] = dict(
        database.execute(
            "SELECT message_type, count(*) FROM records_workflowmessage"
            " WHERE execution_id = %s GROUP BY message_type",
            [load.execution_id],
        ).fetchall()
    )
    (found["STF files"],) = one(
        "SELECT count(*) FROM records_stffile AS stf JOIN records_run USING (run_id)"
        " WHERE run_number = %s",
        load.run_number,
    )
    (found["samples"],) = one(
        "SELECT count(*) FROM records_fastmonfile AS sample"
        " JOIN records_stffile AS stf ON stf.file_id = sample.stf_file_id"
        " JOIN records_run USING (run_id) WHERE run_number = %s",
        load.run_number,
    )
    found["slices"], found["slices completed"] = one(
        "SELECT count(*), count(*) FILTER (WHERE status = 'completed')"
        " FROM records_tfslice WHERE run_number = %s",
        load.run_number,
    )
    (found["slices counted as completed"],) = one(
        "SELECT slices_completed FROM records_runstate WHERE run_number = %s", load.run_number
    )
    found["results told"], found["different results told"] = one(_TOLD, load.execution_id)
    (found["messages with a problem"],) = one(
        "SELECT count(*) FROM records_workflowmessage WHERE execution_id = %s AND problem <> ''",
        load.execution_id,
    )
    return found
