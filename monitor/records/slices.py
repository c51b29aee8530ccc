"""Registration and status changes of TF slices, with the slice counts of their runs.

REST and ingest both use this module: rows and counts change in one transaction, the counts by
increments, and a repeated message changes nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from monitor.records.database.bulk import insert_rows, portions, time_form, update_rows
from monitor.records.database.write_lock import one_writer
from monitor.records.models import RunState, TFSlice
from monitor.records.states import SliceStatus
from swf_common_lib.errors import Conflict, NotFound

_RANK: dict[str, int] = {
    SliceStatus.QUEUED: 0,
    SliceStatus.PROCESSING: 1,
    SliceStatus.COMPLETED: 2,
    SliceStatus.FAILED: 2,
}
_FINAL = 2
Identity = tuple[str, int]
"""TF filename and slice id, which identify a slice within a run."""


@dataclass
class SliceCountDeltas:
    """Changes of a run's slice counts."""

    created: int = 0
    queued: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0

    def add(self, status: str, number: int) -> None:
        """Add ``number`` slices, which may be negative, to the count of ``status``."""
        name = str(status)
        setattr(self, name, getattr(self, name) + number)

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


@dataclass(slots=True)
class SliceRow:
    """The values of a slice's row: to make a model instance takes ten times as long.

    Its state may change; its registration sets once which time frames it has. Before that, a slice
    known only from a status change has none.
    """

    tf_filename: str
    slice_id: int
    stf_filename: str = ""
    tf_first: int = 0
    tf_last: int = 0
    tf_count: int = 0
    created_tick: float | None = None
    status: str = SliceStatus.QUEUED
    retries: int = 0
    assigned_worker: str = ""
    error: str = ""
    started_tick: float | None = None
    finished_tick: float | None = None
    processing_start_at: datetime | None = None
    processed_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: int | None = None
    """Primary key of its row; None before it is inserted."""


_IDENTITY = ("tf_filename", "slice_id")
_REGISTERED = ("stf_filename", "tf_first", "tf_last", "tf_count", "created_tick")
_WRITTEN = (
    "status",
    "retries",
    "assigned_worker",
    "error",
    "started_tick",
    "finished_tick",
    "processing_start_at",
    "processed_at",
    "metadata",
)
_NOTHING_BEGUN: Mapping[str, Any] = {
    "assigned_worker": "",
    "started_tick": None,
    "finished_tick": None,
    "processing_start_at": None,
    "processed_at": None,
}
"""The values of a slice that waits for its next try: no worker, no times."""
_COLUMNS = (*_IDENTITY, *_REGISTERED, *_WRITTEN)


@dataclass(frozen=True, slots=True)
class SliceChange:
    """A change of one slice. Ticks are simulated seconds; None and "" leave a value as it is."""

    tf_filename: str
    slice_id: int
    status: str
    worker: str = ""
    retries: int = 0
    started_tick: float | None = None
    finished_tick: float | None = None
    processing_start_at: datetime | None = None
    processed_at: datetime | None = None
    error: str = ""
    metadata: Mapping[str, Any] | None = None


def register_slices(rows: Sequence[TFSlice]) -> dict[int, SliceCountDeltas]:
    """Insert slices that are not registered yet, and count them in their runs.

    Returns the changes of the counts by run number. Without a recorded state a run has no counts.
    """
    registrations: defaultdict[int, list[SliceRow]] = defaultdict(list)
    for row in rows:
        registrations[row.run_number].append(SliceRow(*(getattr(row, name) for name in _COLUMNS)))
    with one_writer():
        return {
            number: apply_slice_changes(number, slices) for number, slices in registrations.items()
        }


def apply_slice_changes(
    run_number: int, registrations: Sequence[SliceRow], changes: Sequence[SliceChange] = ()
) -> SliceCountDeltas:
    """Register slices of a run, apply changes in order, and return the changes of the counts.

    A registered slice stays as it is. Within one try a status only moves forward, a further try
    starts from the beginning, and a final status stays: so a late change has no effect. A change of
    an unregistered slice inserts a row without time frames; its registration, which comes later,
    adds them. Call it within ``one_writer``.
    """
    counts = SliceCountDeltas()
    slices = _known(run_number, {*map(_identity, registrations), *map(_identity, changes)})
    before = {identity: one.status for identity, one in slices.items()}
    completed = _register(slices, registrations)
    touched = _apply_changes(slices, changes)
    new = [one for one in slices.values() if one.key is None]
    _insert(run_number, new)
    _write_registrations(completed)
    _write_states([one for one in touched if one.key is not None])
    for one in new:
        counts.created += 1
        counts.add(one.status, 1)
    for identity, status in before.items():
        if slices[identity].status != status:
            counts.add(status, -1)
            counts.add(slices[identity].status, 1)
    count_slices(run_number, counts)
    return counts


def _known(run_number: int, wanted: Set[Identity]) -> dict[Identity, SliceRow]:
    """Return the existing slices; nobody else writes them meanwhile (``one_writer``)."""
    known: dict[Identity, SliceRow] = {}
    for portion in portions(sorted({name for name, _ in wanted})):
        rows = TFSlice.objects.filter(run_number=run_number, tf_filename__in_array=portion)
        for row in rows.values_list(*_COLUMNS, "id"):
            if row[:2] in wanted:
                known[row[:2]] = SliceRow(*row)
    return known


def _register(
    slices: dict[Identity, SliceRow], registrations: Iterable[SliceRow]
) -> list[SliceRow]:
    """Add missing slices; return the existing ones that got their time frames by this."""
    completed = []
    for one in registrations:
        present = slices.setdefault(_identity(one), one)
        if present is not one and not present.tf_count and one.tf_count:
            for name in _REGISTERED:
                setattr(present, name, getattr(one, name))
            if present.key is not None:
                completed.append(present)
    return completed


def _apply_changes(
    slices: dict[Identity, SliceRow], changes: Iterable[SliceChange]
) -> list[SliceRow]:
    """Apply changes to slices, and return the changed ones."""
    touched: dict[Identity, SliceRow] = {}
    for change in changes:
        identity = _identity(change)
        one = slices.get(identity)
        if one is None:
            one = slices[identity] = SliceRow(*identity)
        if _apply_change(one, change):
            touched[identity] = one
    return list(touched.values())


def _apply_change(one: SliceRow, change: SliceChange) -> bool:
    present, following = _RANK[one.status], _RANK[change.status]
    if present == _FINAL:
        return False
    # Not every worker sends the number of the try: so a final status is accepted for any try.
    if following != _FINAL and (change.retries, following) < (one.retries, present):
        return False
    one.status = change.status
    if following == 0 and change.retries > one.retries:
        _reset_for_next_try(one, change)
        return True
    one.retries = max(one.retries, change.retries)
    one.assigned_worker = change.worker or one.assigned_worker
    one.error = change.error or one.error
    if change.started_tick is not None:
        one.started_tick = change.started_tick
    if change.finished_tick is not None:
        one.finished_tick = change.finished_tick
    if change.processing_start_at is not None:
        one.processing_start_at = change.processing_start_at
    if change.processed_at is not None:
        one.processed_at = change.processed_at
    if change.metadata:
        one.metadata = {**one.metadata, **change.metadata}
    return True


def _reset_for_next_try(one: SliceRow, change: SliceChange) -> None:
    """Reset a slice for its next try: no worker, no times."""
    one.retries = change.retries
    one.error = change.error or one.error
    for name, value in _NOTHING_BEGUN.items():
        setattr(one, name, value)


def count_slices(run_number: int, change: SliceCountDeltas) -> None:
    """Add the changes to the slice counts of a run's state."""
    if change:
        increments: dict[str, Any] = {
            f"slices_{field.name}": F(f"slices_{field.name}") + getattr(change, field.name)
            for field in fields(change)
            if getattr(change, field.name)
        }
        RunState.objects.filter(pk=run_number).update(**increments, updated_at=timezone.now())


def _insert(run_number: int, slices: Iterable[SliceRow]) -> None:
    stored_time = time_form()
    created_at = stored_time(timezone.now())
    insert_rows(
        TFSlice,
        ("run_number", "created_at", *_COLUMNS),
        [
            (
                run_number,
                created_at,
                *_identity(one),
                *_registration(one),
                *_state(one, stored_time),
            )
            for one in slices
        ],
    )


def _write_registrations(slices: Iterable[SliceRow]) -> None:
    update_rows(TFSlice, _REGISTERED, [(*_registration(one), one.key) for one in slices])


def _write_states(slices: Iterable[SliceRow]) -> None:
    stored_time = time_form()
    update_rows(TFSlice, _WRITTEN, [(*_state(one, stored_time), one.key) for one in slices])


def _identity(one: SliceRow | SliceChange) -> Identity:
    return one.tf_filename, one.slice_id


def _registration(one: SliceRow) -> tuple[Any, ...]:
    return one.stf_filename, one.tf_first, one.tf_last, one.tf_count, one.created_tick


def _state(one: SliceRow, stored_time: Callable[[datetime], Any]) -> tuple[Any, ...]:
    begun, done = one.processing_start_at, one.processed_at
    return (
        str(one.status),
        one.retries,
        one.assigned_worker,
        one.error,
        one.started_tick,
        one.finished_tick,
        None if begun is None else stored_time(begun),
        None if done is None else stored_time(done),
        json.dumps(one.metadata) if one.metadata else "{}",
    )


def change_slice(pk: int, changes: Mapping[str, Any]) -> TFSlice:
    """Change one slice by its key, together with the counts of its run.

    Raises NotFound, and Conflict for a status that cannot follow the present one.
    """
    with one_writer():
        row: TFSlice | None = TFSlice.objects.select_for_update().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"there is no TF slice with id {pk}")
        before = row.status
        after = changes.get("status", before)
        rank = _RANK[before]
        again = after == SliceStatus.QUEUED and changes.get("retries", 0) > row.retries
        if after != before and (rank == _FINAL or (_RANK[after] < rank and not again)):
            raise Conflict(
                f"TF slice {row} is {before}: it cannot become {after}",
                "The status of a slice only moves forward: queued, processing, then completed or"
                " failed for good; or, with a higher retries, queued for its next try.",
            )
        if again:
            changes = {**_NOTHING_BEGUN, **changes}
        for name, value in changes.items():
            setattr(row, name, value)
        row.save(update_fields=list(changes))
        if after != before:
            counts = SliceCountDeltas()
            counts.add(before, -1)
            counts.add(after, 1)
            count_slices(row.run_number, counts)
    return row
