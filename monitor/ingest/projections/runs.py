"""Runs and their phases."""

from __future__ import annotations

from collections.abc import Iterable

from monitor.ingest.entry import Entry
from monitor.ingest.validity import DAQ_TYPES
from monitor.records.models import Run, RunState, WorkflowExecution
from monitor.records.states import RunPhase
from swf_common_lib.config import fast_processing
from swf_common_lib.messages import EndRun, Message, PauseRun, ResumeRun, RunImminent, StartRun

PHASES: dict[type[Message], str] = {
    RunImminent: RunPhase.IMMINENT,
    StartRun: RunPhase.PHYSICS,
    ResumeRun: RunPhase.PHYSICS,
    PauseRun: RunPhase.STANDBY,
    EndRun: RunPhase.PROCESSING,
}
"""The phase that a message of the DAQ leads to."""
_ENDED = (RunPhase.PROCESSING, RunPhase.COMPLETED)


def ensure(entries: Iterable[Entry]) -> dict[int, int]:
    """Create missing runs and run states; return the key of each run by its number."""
    first: dict[int, Entry] = {}
    for entry in entries:
        first.setdefault(entry.run_number, entry)
    keys = dict(Run.objects.filter(run_number__in=first).values_list("run_number", "run_id"))
    if missing := [number for number in first if number not in keys]:
        Run.objects.bulk_create([_new_run(first[number]) for number in missing])
        keys = dict(Run.objects.filter(run_number__in=first).values_list("run_number", "run_id"))
    known = set(RunState.objects.filter(run_number__in=first).values_list("run_number", flat=True))
    RunState.objects.bulk_create(
        [
            RunState(run_number=number, execution_id=first[number].execution_id)
            for number in first
            if number not in known
        ]
    )
    return keys


def _new_run(entry: Entry) -> Run:
    return Run(
        run_number=entry.run_number,
        start_time=entry.sent_at,
        execution_id=entry.execution_id,
        namespace=entry.namespace,
    )


def move(entries: Iterable[Entry]) -> None:
    """Update phase, state, substate, begin and end of runs from the DAQ's messages."""
    of_run: dict[int, list[Entry]] = {}
    for entry in entries:
        if entry.message_type in DAQ_TYPES:
            of_run.setdefault(entry.run_number, []).append(entry)
    if not of_run:
        return
    states = RunState.objects.select_for_update().in_bulk(of_run)
    for number, news in of_run.items():
        state = states[number]
        for entry in news:
            _follow(state, entry)
        state.save(
            update_fields=[
                "execution_id",
                "phase",
                "state",
                "substate",
                "target_worker_count",
                "total_stf_files",
                "end_tick",
                "state_changed_at",
                "updated_at",
            ]
        )


def _follow(state: RunState, entry: Entry) -> None:
    message = entry.message
    assert message is not None  # noqa: S101  (only understood messages come here)
    if isinstance(message, RunImminent):
        _begin(state, entry)
    if isinstance(message, EndRun):
        _end(state, entry, message)
    elif state.phase in _ENDED:
        return  # a message after the end of a run does not start it again
    if state.phase != RunPhase.COMPLETED:
        state.phase = PHASES[type(message)]
    state.state, state.substate = message.state[:50], message.substate[:50]
    state.state_changed_at = entry.sent_at


def _begin(state: RunState, entry: Entry) -> None:
    state.execution_id = state.execution_id or entry.execution_id
    run = Run.objects.filter(run_number=state.run_number)
    run.filter(execution_id="").update(execution_id=entry.execution_id)
    run.filter(namespace="").update(namespace=entry.namespace)
    execution = WorkflowExecution.objects.filter(execution_id=entry.execution_id).first()
    if execution is None:
        return
    WorkflowExecution.objects.filter(pk=execution.pk, run_number=None).update(
        run_number=state.run_number
    )
    configuration = fast_processing(execution.parameter_values)
    if configuration is not None:
        state.target_worker_count = configuration.target_worker_count


def _end(state: RunState, entry: Entry, message: EndRun) -> None:
    # A run may end twice, by its runner and by the sweeper for a lost runner: the first counts.
    if state.total_stf_files is None:
        given = message.total_stf_files
        state.total_stf_files = state.stf_files_generated if given is None else given
    if state.end_tick is None:
        state.end_tick = message.simulation_tick
    Run.objects.filter(run_number=state.run_number, end_time=None).update(end_time=entry.sent_at)
