"""What is known of executions and of their runs, read for many at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Least

from monitor.records.models import (
    FastMonFile,
    Run,
    RunState,
    StfFile,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.states import ACTIVE, TERMINAL, RunPhase
from swf_common_lib.config import FastProcessing, fast_processing
from swf_common_lib.states import EndCause


@dataclass(frozen=True)
class ExecutionLook:
    """An execution with what its run's counts say."""

    execution: WorkflowExecution
    state: RunState | None = None
    """Of its run; None before the run is announced."""
    run: Run | None = None
    last_heard: datetime | None = None
    """When its newest message was received."""
    samples: int = 0
    """TF samples with time frames."""
    slices_expected: int = 0
    """Slices that those samples give by the configuration."""
    empty_stfs: int = 0
    """STFs without time frames: they give no sample."""

    @property
    def id(self) -> str:
        """Id of the execution."""
        return str(self.execution.execution_id)

    @property
    def active(self) -> bool:
        """Whether it is running or paused."""
        return self.execution.status in ACTIVE

    @property
    def ended(self) -> bool:
        """Whether it is in a final status."""
        return self.execution.status in TERMINAL

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it, or its runner."""
        return self.execution.end_cause in (EndCause.STOPPED, EndCause.RUNNER_STOPPED)

    @property
    def processed(self) -> bool:
        """Whether agents and workers are done with its run."""
        return self.state is not None and self.state.phase == RunPhase.COMPLETED

    @property
    def speed(self) -> float:
        """Simulated seconds a wall second; 0: unpaced."""
        speed = self.execution.options.get("speed")
        return float(speed) if isinstance(speed, int | float) and speed > 0 else 0.0

    @property
    def fast(self) -> FastProcessing | None:
        """Its parameters of fast processing, if it asks for that."""
        return configured_fast(self.execution)

    def count(self, name: str) -> int:
        """Return a count of its run's state; 0 before there is one."""
        return int(getattr(self.state, name)) if self.state else 0

    @property
    def slices_open(self) -> int:
        """Slices that are neither done nor failed."""
        done = self.count("slices_completed") + self.count("slices_failed")
        return max(0, self.count("slices_created") - done)


def configured_fast(execution: WorkflowExecution) -> FastProcessing | None:
    """Return the parameters of fast processing; None for a record that holds none to use."""
    values = execution.parameter_values
    try:
        return fast_processing(values) if isinstance(values, dict) else None
    except TypeError:
        return None  # an older agent may have recorded values that nobody checked


def look_at(executions: Iterable[WorkflowExecution]) -> list[ExecutionLook]:
    """Return what is known of each execution, in a number of queries that does not grow."""
    rows = list(executions)
    ids = [row.execution_id for row in rows]
    states = _states(rows)
    runs = Run.objects.in_bulk([s.run_number for s in states.values()], field_name="run_number")
    heard = _last_heard(ids)
    samples = _samples(rows, states)
    empty = _empty_stfs(states.values())
    looks = []
    for row in rows:
        state = states.get(row.execution_id)
        made, expected = samples.get(state.run_number, (0, 0)) if state else (0, 0)
        looks.append(
            ExecutionLook(
                execution=row,
                state=state,
                run=runs.get(state.run_number) if state else None,
                last_heard=heard.get(row.execution_id),
                samples=made,
                slices_expected=expected,
                empty_stfs=empty.get(state.run_number, 0) if state else 0,
            )
        )
    return looks


def _states(rows: list[WorkflowExecution]) -> dict[str, RunState]:
    """Return the state of each execution's latest run."""
    states = RunState.objects.filter(execution_id__in=[row.execution_id for row in rows])
    return {state.execution_id: state for state in states.order_by("run_number")}


def _last_heard(ids: list[str]) -> dict[str, datetime]:
    newest = WorkflowMessage.objects.filter(execution_id=OuterRef("pk")).order_by("-sent_at", "-id")
    heard = WorkflowExecution.objects.filter(pk__in=ids).annotate(
        heard=Subquery(newest.values("received_at")[:1])
    )
    return {name: at for name, at in heard.values_list("pk", "heard") if at is not None}


def _samples(
    rows: list[WorkflowExecution], states: dict[str, RunState]
) -> dict[int, tuple[int, int]]:
    """Return samples and the slices that they give, by run; of runs that are not done alone.

    Runs with the same slices a sample are counted together, so there is a query for each such
    number; there are seldom two.
    """
    wanted: dict[int, list[int]] = {}
    for row in rows:
        state, fast = states.get(row.execution_id), configured_fast(row)
        if state is not None and fast is not None and state.phase != RunPhase.COMPLETED:
            wanted.setdefault(fast.slices_per_sample, []).append(state.run_number)
    counts: dict[int, tuple[int, int]] = {}
    for slices_per_sample, numbers in wanted.items():
        files = FastMonFile.objects.filter(stf_file__run__run_number__in=numbers)
        told: Any = (
            files.exclude(tf_count=0)
            .values("stf_file__run__run_number")
            .annotate(made=Count("tf_file_id"), expected=Sum(Least("tf_count", slices_per_sample)))
            .values_list("stf_file__run__run_number", "made", "expected")
        )
        counts.update({number: (made, expected or 0) for number, made, expected in told})
    return counts


def _empty_stfs(states: Iterable[RunState]) -> dict[int, int]:
    """Return how many STFs have no time frames, by run; of runs that lack samples alone."""
    lacking = [
        state.run_number
        for state in states
        if state.phase != RunPhase.COMPLETED
        and state.stf_samples_received < state.stf_files_registered
    ]
    files = StfFile.objects.filter(run__run_number__in=lacking, tf_count=0)
    return dict(files.values_list("run__run_number").annotate(Count("file_id")))
