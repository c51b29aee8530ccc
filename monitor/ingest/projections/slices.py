"""TF slices: registered by one message a sample, followed by batched news of many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from monitor.ingest.entry import Entry
from monitor.ingest.projections.selection import of_type
from monitor.ingest.times import optional_time
from monitor.ingest.validity import SLICE_STATES
from monitor.records.models import TFSlice
from monitor.records.rows import portions, update_rows
from monitor.records.slices import SliceChange, apply_slice_states, register_slices
from swf_common_lib.messages import SliceState, SliceStatus, TfSlicesRegistered

Identity = tuple[str, int]
"""TF filename and slice id: one slice within a run."""


def update(entries: Iterable[Entry]) -> None:
    """Register slices and take the news of them, with the counts of their run states."""
    registered: defaultdict[int, dict[Identity, TFSlice]] = defaultdict(dict)
    news: defaultdict[int, list[SliceState]] = defaultdict(list)
    for entry, made in of_type(entries, TfSlicesRegistered):
        of_run = registered[entry.run_number]
        for row in _rows(entry, made):
            of_run.setdefault((row.tf_filename, row.slice_id), row)
    for entry, told in of_type(entries, SliceStatus):
        news[entry.run_number].extend(told.slices)
    for run_number in {*registered, *news}:
        _update_run(run_number, registered[run_number], news[run_number])


def _update_run(run_number: int, made: dict[Identity, TFSlice], news: list[SliceState]) -> None:
    known = _known(run_number, made, news)
    _complete(made, known)
    new = {identity: row for identity, row in made.items() if identity not in known}
    for state in news:
        identity = (state.tf_filename, state.slice_id)
        if identity not in known and identity not in new:
            # Its registration has still to come, and will say the rest of it.
            new[identity] = _bare(run_number, identity)
    if new:
        register_slices(list(new.values()))
    if news:
        apply_slice_states(run_number, [_change(state) for state in news])


def _known(
    run_number: int, made: Iterable[Identity], news: Iterable[SliceState]
) -> dict[Identity, tuple[int, bool]]:
    """Give key and bareness of the slices that are there already, of the samples concerned."""
    names = {name for name, _ in made} | {state.tf_filename for state in news}
    known: dict[Identity, tuple[int, bool]] = {}
    for portion in portions(sorted(names)):
        rows = TFSlice.objects.filter(run_number=run_number, tf_filename__among=portion)
        for key, name, slice_id, tf_count in rows.values_list(
            "id", "tf_filename", "slice_id", "tf_count"
        ):
            known[name, slice_id] = (key, tf_count == 0)
    return known


def _complete(made: dict[Identity, TFSlice], known: dict[Identity, tuple[int, bool]]) -> None:
    """Fill in the slices of which there was news before their registration came."""
    update_rows(
        TFSlice,
        ("stf_filename", "tf_first", "tf_last", "tf_count", "created_tick"),
        [
            (row.stf_filename, row.tf_first, row.tf_last, row.tf_count, row.created_tick, key)
            for identity, row in made.items()
            for key, bare in [known.get(identity, (0, False))]
            if bare
        ],
    )


def _rows(entry: Entry, message: TfSlicesRegistered) -> Iterable[TFSlice]:
    for piece in message.slices:
        yield TFSlice(
            run_number=entry.run_number,
            tf_filename=message.tf_filename,
            slice_id=piece.slice_id,
            stf_filename=message.stf_filename,
            tf_first=piece.tf_first,
            tf_last=piece.tf_last,
            tf_count=piece.tf_count,
            created_tick=message.simulation_tick,
        )


def _bare(run_number: int, identity: Identity) -> TFSlice:
    name, slice_id = identity
    return TFSlice(
        run_number=run_number,
        tf_filename=name,
        slice_id=slice_id,
        tf_first=0,
        tf_last=0,
        tf_count=0,
    )


def _change(state: SliceState) -> SliceChange:
    return SliceChange(
        tf_filename=state.tf_filename,
        slice_id=state.slice_id,
        status=SLICE_STATES[state.status],
        worker=state.worker[:200],
        retries=state.retries,
        started_tick=state.started_tick,
        finished_tick=state.finished_tick,
        processing_start_at=optional_time(state.processing_start_at),
        processed_at=optional_time(state.processed_at),
        error=state.error,
    )
