"""TF slices: registered by one message a sample, then changed by messages about many slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from monitor.ingest.projections.batch_entries import BatchEntries
from monitor.ingest.times import optional_time
from monitor.ingest.validity import SLICE_STATES, WORKER_LIMIT
from monitor.records.slices import SliceChange, SliceRow, apply_slice_changes
from swf_common_lib.messages import SliceState, SliceStatusMessage, TfSlicesRegistered


def update(entries: BatchEntries) -> None:
    """Register slices, apply their status changes, and update the counts of their runs."""
    registrations: defaultdict[int, list[SliceRow]] = defaultdict(list)
    changes: defaultdict[int, list[SliceChange]] = defaultdict(list)
    for entry, registered in entries.of_type(TfSlicesRegistered):
        registrations[entry.run_number].extend(_slices(registered))
    for entry, told in entries.of_type(SliceStatusMessage):
        changes[entry.run_number].extend(map(_change, told.slices))
    for run_number in {*registrations, *changes}:
        apply_slice_changes(run_number, registrations[run_number], changes[run_number])


def _slices(message: TfSlicesRegistered) -> Iterable[SliceRow]:
    for piece in message.slices:
        yield SliceRow(
            tf_filename=message.tf_filename,
            slice_id=piece.slice_id,
            stf_filename=message.stf_filename,
            tf_first=piece.tf_first,
            tf_last=piece.tf_last,
            tf_count=piece.tf_count,
            created_tick=message.simulation_tick,
        )


def _change(state: SliceState) -> SliceChange:
    return SliceChange(
        tf_filename=state.tf_filename,
        slice_id=state.slice_id,
        status=SLICE_STATES[state.status],
        worker=state.worker[:WORKER_LIMIT],
        retries=state.retries,
        started_tick=state.started_tick,
        finished_tick=state.finished_tick,
        processing_start_at=optional_time(state.processing_start_at),
        processed_at=optional_time(state.processed_at),
        error=state.error,
    )
