"""Registration of TF slices and news of them, each with the counts of its run's state.

REST and ingest both come through here: the rows and the counts change in one transaction, by
increments, and a repetition changes nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils import timezone

from monitor.records.models import RunState, TFSlice
from monitor.records.one_writer import one_writer
from monitor.records.rows import insert_rows, portions, stored_time, update_rows
from monitor.records.states import SliceStatus
from swf_common_lib.errors import Conflict, NotFound

_RANK = {
    SliceStatus.QUEUED: 0,
    SliceStatus.PROCESSING: 1,
    SliceStatus.COMPLETED: 2,
    SliceStatus.FAILED: 2,
}
_FINAL = 2
_COUNTED = {
    SliceStatus.QUEUED: "queued",
    SliceStatus.PROCESSING: "processing",
    SliceStatus.COMPLETED: "completed",
    SliceStatus.FAILED: "failed",
}


@dataclass
class SliceCounts:
    """Changes of a run's slice counts."""

    created: int = 0
    queued: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0

    def add(self, status: str, number: int) -> None:
        """Count ``number`` more (or less) slices in ``status``."""
        name = _COUNTED[SliceStatus(status)]
        setattr(self, name, getattr(self, name) + number)

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class SliceChange:
    """What became of one slice. Ticks are simulated seconds; None and "" change nothing."""

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


def register_slices(rows: Sequence[TFSlice]) -> dict[int, SliceCounts]:
    """Insert slices, leaving out those that are registered already; count them in their runs.

    Gives the changes of the counts by run number. A run whose state is not recorded has no
    counts to change.
    """
    counts: dict[int, SliceCounts] = {}
    with one_writer():
        known = _known(rows)
        new: dict[tuple[int, str, int], TFSlice] = {}
        for row in rows:
            key = (row.run_number, row.tf_filename, row.slice_id)
            if key not in known and key not in new:
                new[key] = row
        _insert(new.values())
        for row in new.values():
            change = counts.setdefault(row.run_number, SliceCounts())
            change.created += 1
            change.add(row.status, 1)
        for run_number, change in counts.items():
            count_slices(run_number, change)
    return counts


def apply_slice_states(run_number: int, changes: Iterable[SliceChange]) -> SliceCounts:
    """Take news of slices of a run, in order; give what it changed of the counts.

    A status only moves forward and a final one stays: old news changes nothing. News of a slice
    that is not registered is left out.
    """
    news: dict[tuple[str, int], list[SliceChange]] = defaultdict(list)
    for change in changes:
        news[change.tf_filename, change.slice_id].append(change)
    counts = SliceCounts()
    touched: list[TFSlice] = []
    with one_writer():
        for row in _rows(run_number, {tf_filename for tf_filename, _ in news}):
            before = row.status
            if not sum(
                _apply(row, change) for change in news.get((row.tf_filename, row.slice_id), ())
            ):
                continue
            touched.append(row)
            if row.status != before:
                counts.add(before, -1)
                counts.add(row.status, 1)
        _write(touched)
        count_slices(run_number, counts)
    return counts


def count_slices(run_number: int, change: SliceCounts) -> None:
    """Add to the slice counts of a run's state."""
    if change:
        increments: dict[str, Any] = {
            f"slices_{field.name}": F(f"slices_{field.name}") + getattr(change, field.name)
            for field in fields(change)
            if getattr(change, field.name)
        }
        RunState.objects.filter(pk=run_number).update(**increments, updated_at=timezone.now())


def _known(rows: Sequence[TFSlice]) -> set[tuple[int, str, int]]:
    by_run: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        by_run[row.run_number].add(row.tf_filename)
    known: set[tuple[int, str, int]] = set()
    for run_number, names in by_run.items():
        for portion in portions(sorted(names)):
            known.update(
                TFSlice.objects.filter(
                    run_number=run_number, tf_filename__among=portion
                ).values_list("run_number", "tf_filename", "slice_id")
            )
    return known


def _rows(run_number: int, names: set[str]) -> Iterable[TFSlice]:
    for portion in portions(sorted(names)):
        # PostgreSQL: nobody else may change them until we have; SQLite has one writer anyway.
        yield from TFSlice.objects.select_for_update().filter(
            run_number=run_number, tf_filename__among=portion
        )


def _apply(row: TFSlice, change: SliceChange) -> bool:
    if change.status not in _RANK:
        return False
    present, next_rank = _RANK[SliceStatus(row.status)], _RANK[SliceStatus(change.status)]
    if present == _FINAL or next_rank < present:
        return False
    row.status = change.status
    row.retries = max(row.retries, change.retries)
    row.assigned_worker = change.worker or row.assigned_worker
    row.error = change.error or row.error
    for name in ("started_tick", "finished_tick", "processing_start_at", "processed_at"):
        if getattr(change, name) is not None:
            setattr(row, name, getattr(change, name))
    if change.metadata:
        row.metadata = {**row.metadata, **change.metadata}
    return True


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
_INSERTED = (
    "run_number",
    "tf_filename",
    "slice_id",
    "stf_filename",
    "tf_first",
    "tf_last",
    "tf_count",
    "created_tick",
    *_WRITTEN,
    "created_at",
)


def _insert(rows: Iterable[TFSlice]) -> None:
    """Insert rows with one prepared statement: Django's bulk_create takes 6 times as long."""
    created_at = stored_time(timezone.now())
    insert_rows(
        TFSlice,
        _INSERTED,
        [
            (
                row.run_number,
                row.tf_filename,
                row.slice_id,
                row.stf_filename,
                row.tf_first,
                row.tf_last,
                row.tf_count,
                row.created_tick,
                *_written(row),
                created_at,
            )
            for row in rows
        ],
    )


def _write(rows: Sequence[TFSlice]) -> None:
    """Write rows with one prepared statement: Django's bulk_update takes 20 times as long."""
    update_rows(TFSlice, _WRITTEN, [(*_written(row), row.pk) for row in rows])


def _written(row: TFSlice) -> tuple[Any, ...]:
    """Give the values of ``_WRITTEN`` as the database stores them."""
    begun, done = row.processing_start_at, row.processed_at
    return (
        str(row.status),
        row.retries,
        row.assigned_worker,
        row.error,
        row.started_tick,
        row.finished_tick,
        None if begun is None else stored_time(begun),
        None if done is None else stored_time(done),
        json.dumps(row.metadata) if row.metadata else "{}",
    )


def change_slice(pk: int, changes: Mapping[str, Any]) -> TFSlice:
    """Change one slice by its key, and the counts of its run along.

    Raises NotFound, and Conflict for a status that the present one cannot lead to.
    """
    with one_writer():
        row: TFSlice | None = TFSlice.objects.select_for_update().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"there is no TF slice with id {pk}")
        before = row.status
        after = changes.get("status", before)
        rank = _RANK[SliceStatus(before)]
        if after != before and (rank == _FINAL or _RANK[SliceStatus(after)] < rank):
            raise Conflict(
                f"TF slice {row} is {before}: it cannot become {after}",
                "The status of a slice only moves forward: queued, processing, then completed or"
                " failed for good.",
            )
        for name, value in changes.items():
            setattr(row, name, value)
        row.save(update_fields=list(changes))
        if after != before:
            counts = SliceCounts()
            counts.add(before, -1)
            counts.add(after, 1)
            count_slices(row.run_number, counts)
    return row
