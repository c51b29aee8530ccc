"""Super time frames: generated, registered, processed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from monitor.ingest.entry import Entry
from monitor.ingest.projections.batch_entries import BatchEntries
from monitor.ingest.projections.run_counters import RunCounterDeltas
from monitor.ingest.times import from_now_on
from monitor.records.database.bulk import (
    insert_rows,
    portions,
    stored_time,
    stored_uuid,
    update_rows,
)
from monitor.records.models import StfFile
from monitor.records.states import FileStatus
from swf_common_lib.messages import ProcessingComplete, StfGen, StfReady

_OF_READY = ("sequence", "file_size_bytes", "checksum", "machine_state", "tf_count")
"""The fields of a file that its announcement has."""
_NOT_ANNOUNCED = (None, None, "", "physics", None)
_FIELDS = ("file_id", "run", "stf_filename", *_OF_READY, "status", "metadata", "created_at")
_REGISTERED = str(FileStatus.REGISTERED)
_FINAL = (FileStatus.PROCESSED, FileStatus.FAILED, FileStatus.DONE)


def count_generated(entries: BatchEntries, counters: RunCounterDeltas) -> None:
    """Count the files that the DAQ wrote; their rows are made when they are registered."""
    for entry, _ in entries.of_type(StfGen):
        counters.add(entry.run_number, "stf_files_generated")


class Files:
    """The rows of a batch's files: which of them exist is queried once and remembered."""

    def __init__(self, run_keys: Mapping[int, int], counters: RunCounterDeltas) -> None:
        self._run_keys = run_keys
        self._counters = counters
        self._keys: dict[str, str] = {}
        """Primary keys of existing rows, by filename; in the form of ``stored_uuid``."""

    def register(self, entries: BatchEntries) -> None:
        """Record files that are ready; a row that another message created before is completed."""
        ready: dict[str, tuple[Entry, StfReady]] = {}
        for entry, message in entries.of_type(StfReady):
            ready.setdefault(message.filename, (entry, message))
        bare = self._look_up(ready)
        self._insert(
            (name, entry.run_number, message)
            for name, (entry, message) in ready.items()
            if name not in self._keys
        )
        update_rows(
            StfFile,
            _OF_READY,
            [(*_of_ready(ready[name][1]), self._keys[name]) for name in bare],
        )

    def ensure(self, names: Mapping[str, int]) -> Mapping[str, str]:
        """Return the keys of files by name; create missing rows, in the run given for each."""
        self._look_up(name for name in names if name not in self._keys)
        self._insert((name, run, None) for name, run in names.items() if name not in self._keys)
        return self._keys

    def complete(self, entries: BatchEntries) -> None:
        """Record which files were processed as a whole and which of them failed, each once."""
        done: dict[str, tuple[Entry, ProcessingComplete]] = {}
        for entry, message in entries.of_type(ProcessingComplete):
            done.setdefault(message.filename, (entry, message))
        self.ensure({name: entry.run_number for name, (entry, _) in done.items()})
        for status in (FileStatus.PROCESSED, FileStatus.FAILED):
            names = {
                name: entry.run_number
                for name, (entry, message) in done.items()
                if (status is FileStatus.FAILED) == bool(message.error)
            }
            for portion in portions(names):
                rows = StfFile.objects.filter(stf_filename__in_array=portion)
                rows = rows.exclude(status__in=_FINAL)
                for name in rows.values_list("stf_filename", flat=True):
                    self._counters.add(names[name], "stf_files_processed")
                rows.update(status=status)

    def _look_up(self, names: Iterable[str]) -> list[str]:
        """Remember the keys of existing files; return those without size and checksum."""
        bare = []
        for portion in portions(names):
            rows = StfFile.objects.filter(stf_filename__in_array=portion)
            for name, key, size, checksum in rows.values_list(
                "stf_filename", "file_id", "file_size_bytes", "checksum"
            ):
                self._keys[name] = stored_uuid(key)
                if size is None and not checksum:
                    bare.append(name)
        return bare

    def _insert(self, files: Iterable[tuple[str, int, StfReady | None]]) -> None:
        """Insert files, each with its run's number and what was announced of it."""
        rows = []
        for (name, run_number, message), created_at in zip(files, from_now_on(), strict=False):
            key = self._keys[name] = stored_uuid(uuid.uuid4())
            announced = _NOT_ANNOUNCED if message is None else _of_ready(message)
            run_key = self._run_keys[run_number]
            rows.append(
                (key, run_key, name, *announced, _REGISTERED, "{}", stored_time(created_at))
            )
            self._counters.add(run_number, "stf_files_registered")
        insert_rows(StfFile, _FIELDS, rows)


def _of_ready(message: StfReady) -> tuple[Any, ...]:
    return (
        message.sequence,
        message.size_bytes,
        message.checksum[:64],
        message.substate[:64] or "physics",
        message.tf_count,
    )
