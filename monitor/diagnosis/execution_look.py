"""What is known of executions and of their runs, read for many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, OuterRef, Subquery, Sum, Value, When
from django.db.models.functions import Least

from monitor.records.models import (
    FastMonFile,
    Run,
    RunState,
    StfFile,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.states import ACTIVE, TERMINAL, RunPhase, SliceStatus
from swf_common_lib.config import FastProcessing, fast_processing
from swf_common_lib.states import EndCause

STF_MARKS = ("stf_gen", "start_run", "resume_run")
"""Messages after which the next STF is expected."""


@dataclass(frozen=True)
class StfSequences:
    """The numbers of a run's STFs, all as they were at one moment."""

    first: int
    last: int
    registered: int
    """STFs that are registered."""

    @property
    def missing(self) -> int:
        """How many numbers are left out."""
        return self.last - self.first + 1 - self.registered


@dataclass(frozen=True)
class ExecutionLook:
    """An execution with what its run's counts say."""

    execution: WorkflowExecution
    state: RunState | None = None
    """Of its run; None before the run is announced."""
    run: Run | None = None
    last_heard: datetime | None = None
    """When its newest message was received."""
    slices_expected: int = 0
    """Slices that its samples give by the configuration; 0 where none lacks."""
    empty_stfs: int = 0
    """STFs without time frames: they give no sample."""
    stf_sequences: StfSequences | None = None
    """Of the STFs that are registered; None where they have no numbers."""
    last_stf: datetime | None = None
    """When an STF, or a physics period, was last announced; of a run that takes data alone."""
    slice_error: str = ""
    """Why one of the slices that failed did so."""
    last_asked: Mapping[str, datetime] = field(default_factory=dict)
    """When a type of message was last sent of which not all are answered; once somebody asked."""

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
    states = _states(rows)
    numbers = [state.run_number for state in states.values()]
    runs = Run.objects.in_bulk(numbers, field_name="run_number")
    heard = _last_heard([row.execution_id for row in rows])
    expected = _slices_expected(rows, states)
    empty = _empty_stfs(states.values())
    sequences = _stf_sequences(states.values())
    marks = _newest([row.execution_id for row in rows if _takes_data(row, states)], STF_MARKS)
    errors = _slice_errors(states.values())
    looks = []
    for row in rows:
        state = states.get(row.execution_id)
        number = state.run_number if state else -1
        looks.append(
            ExecutionLook(
                execution=row,
                state=state,
                run=runs.get(number),
                last_heard=heard.get(row.execution_id),
                slices_expected=expected.get(number, 0),
                empty_stfs=empty.get(number, 0),
                stf_sequences=sequences.get(number),
                last_stf=marks.get(row.execution_id),
                slice_error=errors.get(number, ""),
            )
        )
    return looks


def asked_last(execution_ids: Iterable[str], message_type: str) -> dict[str, datetime]:
    """Return when a type of message was last sent in each execution, in one query."""
    return _newest(list(execution_ids), (message_type,), later_of_both_clocks=True)


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


def _slices_expected(
    rows: list[WorkflowExecution], states: Mapping[str, RunState]
) -> dict[int, int]:
    """Return the slices that the samples of a run give, by run.

    Samples are read only where slices may lack: a sample gives no more than the configuration
    says, and fewer where it has fewer time frames.
    """
    wanted: dict[int, int] = {}
    for row in rows:
        state, fast = states.get(row.execution_id), configured_fast(row)
        if state is None or fast is None or state.phase == RunPhase.COMPLETED:
            continue
        if state.slices_created < state.stf_samples_received * fast.slices_per_sample:
            wanted[state.run_number] = fast.slices_per_sample
    if not wanted:
        return {}
    most = Case(*(When(stf_file__run__run_number=n, then=Value(m)) for n, m in wanted.items()))
    files = FastMonFile.objects.filter(stf_file__run__run_number__in=wanted).exclude(tf_count=0)
    told: Any = (
        files.values("stf_file__run__run_number")
        .annotate(expected=Sum(Least("tf_count", most)))
        .values_list("stf_file__run__run_number", "expected")
    )
    return {number: expected or 0 for number, expected in told}


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


def _takes_data(row: WorkflowExecution, states: Mapping[str, RunState]) -> bool:
    state = states.get(row.execution_id)
    return row.status in ACTIVE and state is not None and state.phase == RunPhase.PHYSICS


def _newest(
    ids: list[str], types: tuple[str, ...], *, later_of_both_clocks: bool = False
) -> dict[str, datetime]:
    """Return when the newest message of such a type was received, or sent if that is later.

    An index leads to an execution's messages from the newest on, so that no more are read than
    came after the one that is looked for.
    """
    if not ids:
        return {}
    wanted = WorkflowMessage.objects.filter(execution_id=OuterRef("pk"), message_type__in=types)
    newest = wanted.order_by("-sent_at", "-id")
    rows = WorkflowExecution.objects.filter(pk__in=ids).annotate(
        received=Subquery(newest.values("received_at")[:1]),
        sent=Subquery(newest.values("sent_at")[:1]),
    )
    return {
        name: max(received, sent) if later_of_both_clocks else received
        for name, received, sent in rows.values_list("pk", "received", "sent")
        if received is not None
    }


def _stf_sequences(states: Iterable[RunState]) -> dict[int, StfSequences]:
    """Return the numbers of the STFs by run.

    In one statement, since more are registered from one to the next. By the names of the files,
    for which there is an index, so that a run of any size costs the same; the numbers are in the
    names with leading zeros.
    """
    wanted = [state.run_number for state in states if state.stf_files_registered]
    files = StfFile.objects.filter(run=OuterRef("pk"))
    state = RunState.objects.filter(pk=OuterRef("run_number"))
    runs = Run.objects.filter(run_number__in=wanted).annotate(
        first=Subquery(files.order_by("stf_filename").values("sequence")[:1]),
        last=Subquery(files.order_by("-stf_filename").values("sequence")[:1]),
        registered=Subquery(state.values("stf_files_registered")),
    )
    told = runs.values_list("run_number", "first", "last", "registered")
    return {
        number: StfSequences(first, last, registered)
        for number, first, last, registered in told
        if first is not None and last is not None
    }


def _slice_errors(states: Iterable[RunState]) -> dict[int, str]:
    """Return the error of one slice that failed, by run; of any, so that none are searched."""
    numbers = [state.run_number for state in states if state.slices_failed]
    failed = TFSlice.objects.filter(run_number=OuterRef("pk"), status=SliceStatus.FAILED)
    rows = RunState.objects.filter(pk__in=numbers).annotate(
        said=Subquery(failed.order_by().values("error")[:1])
    )
    return {number: said for number, said in rows.values_list("pk", "said") if said}
