"""Super time frames: generated, registered, processed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from monitor.ingest.entry import Entry, now
from monitor.ingest.projections.selection import of_type
from monitor.ingest.projections.tally import Tally
from monitor.records.models import StfFile
from monitor.records.rows import insert_rows, portions, stored_time, stored_uuid, update_rows
from monitor.records.states import FileStatus
from swf_common_lib.messages import ProcessingComplete, StfGen, StfReady

_FIELDS = (
    "file_id",
    "run",
    "stf_filename",
    "sequence",
    "file_size_bytes",
    "checksum",
    "machine_state",
    "status",
    "tf_count",
    "metadata",
    "created_at",
)
_FINAL = (FileStatus.PROCESSED, FileStatus.FAILED, FileStatus.DONE)


def count_generated(entries: Iterable[Entry], tally: Tally) -> None:
    """Count what the DAQ wrote; a file is recorded when it is registered."""
    for entry, _ in of_type(entries, StfGen):
        tally.add(entry.run_number, "stf_files_generated")


def register(entries: Iterable[Entry], keys: Mapping[int, int], tally: Tally) -> None:
    """Record files that are ready; what another message said of one before is completed."""
    ready: dict[str, tuple[Entry, StfReady]] = {}
    for entry, message in of_type(entries, StfReady):
        ready.setdefault(message.filename, (entry, message))
    if not ready:
        return
    known = _bare_files(ready)
    created_at = stored_time(now())
    insert_files(
        (
            _row(keys[entry.run_number], name, message, created_at)
            for name, (entry, message) in ready.items()
            if name not in known
        ),
    )
    for name, (entry, _) in ready.items():
        if name not in known:
            tally.add(entry.run_number, "stf_files_registered")
    update_rows(
        StfFile,
        ("sequence", "file_size_bytes", "checksum", "machine_state", "tf_count"),
        [
            (
                message.sequence,
                message.size_bytes,
                message.checksum[:64],
                _machine_state(message),
                message.tf_count,
                stored_uuid(key),
            )
            for name, (_, message) in ready.items()
            if (key := known.get(name)) is not None
        ],
    )


def _bare_files(names: Iterable[str]) -> dict[str, uuid.UUID | None]:
    """Give the files that are there; with their key, if nothing but their name is known."""
    known: dict[str, uuid.UUID | None] = {}
    for portion in portions(names):
        rows = StfFile.objects.filter(stf_filename__among=portion).values_list(
            "stf_filename", "file_id", "file_size_bytes", "checksum"
        )
        for name, key, size, checksum in rows:
            known[name] = key if size is None and not checksum else None
    return known


def ensure(names: Mapping[str, int], keys: Mapping[int, int], tally: Tally) -> dict[str, uuid.UUID]:
    """Give the keys of files by name; make those that are not there, of the run given."""
    found = _keys(names)
    if missing := {name: run for name, run in names.items() if name not in found}:
        created_at = stored_time(now())
        insert_files(_row(keys[run], name, None, created_at) for name, run in missing.items())
        for run in missing.values():
            tally.add(run, "stf_files_registered")
        found = _keys(names)
    return found


def _keys(names: Iterable[str]) -> dict[str, uuid.UUID]:
    found: dict[str, uuid.UUID] = {}
    for portion in portions(names):
        rows = StfFile.objects.filter(stf_filename__among=portion)
        found.update(rows.values_list("stf_filename", "file_id"))
    return found


def complete(entries: Iterable[Entry], keys: Mapping[int, int], tally: Tally) -> None:
    """Record which files were processed as a whole, and which of them failed; once each."""
    done: dict[str, tuple[Entry, ProcessingComplete]] = {}
    for entry, message in of_type(entries, ProcessingComplete):
        done.setdefault(message.filename, (entry, message))
    if not done:
        return
    ensure({name: entry.run_number for name, (entry, _) in done.items()}, keys, tally)
    for status in (FileStatus.PROCESSED, FileStatus.FAILED):
        names = {
            name: entry.run_number
            for name, (entry, message) in done.items()
            if (status is FileStatus.FAILED) == bool(message.error)
        }
        for portion in portions(names):
            rows = StfFile.objects.filter(stf_filename__among=portion).exclude(status__in=_FINAL)
            for name in rows.values_list("stf_filename", flat=True):
                tally.add(names[name], "stf_files_processed")
            rows.update(status=status)


def insert_files(rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows of super time frames, in the order of the fields."""
    insert_rows(StfFile, _FIELDS, rows)


def _row(run_key: int, name: str, message: StfReady | None, created_at: Any) -> tuple[Any, ...]:
    return (
        stored_uuid(uuid.uuid4()),
        run_key,
        name,
        message.sequence if message else None,
        message.size_bytes if message else None,
        message.checksum[:64] if message else "",
        _machine_state(message) if message else "physics",
        str(FileStatus.REGISTERED),
        message.tf_count if message else None,
        "{}",
        created_at,
    )


def _machine_state(message: StfReady) -> str:
    return message.substate[:64] or "physics"
