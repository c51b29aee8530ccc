"""TF samples: time frames of an STF that were taken for fast monitoring."""

from __future__ import annotations

import uuid

from monitor.ingest.entry import Entry
from monitor.ingest.projections.batch_entries import BatchEntries
from monitor.ingest.projections.files import Files
from monitor.ingest.projections.run_counters import RunCounterDeltas
from monitor.ingest.times import from_now_on
from monitor.records.database.bulk import insert_rows, portions, stored_time, stored_uuid
from monitor.records.models import FastMonFile
from monitor.records.states import FileStatus
from swf_common_lib.messages import TfFileRegistered

_FIELDS = (
    "tf_file_id",
    "stf_file",
    "tf_filename",
    "file_size_bytes",
    "checksum",
    "status",
    "tf_first",
    "tf_last",
    "tf_count",
    "metadata",
    "created_at",
)


def register(entries: BatchEntries, stf_files: Files, counters: RunCounterDeltas) -> None:
    """Record new samples, and count them in their run."""
    samples: dict[str, tuple[Entry, TfFileRegistered]] = {}
    for entry, message in entries.of_type(TfFileRegistered):
        samples.setdefault(message.tf_filename, (entry, message))
    known: set[str] = set()
    for portion in portions(samples):
        rows = FastMonFile.objects.filter(tf_filename__in_array=portion)
        known.update(rows.values_list("tf_filename", flat=True))
    new = [pair for name, pair in samples.items() if name not in known]
    if not new:
        return
    wanted = {message.stf_filename: entry.run_number for entry, message in new}
    stf_keys = stf_files.ensure(wanted)
    insert_rows(
        FastMonFile,
        _FIELDS,
        [
            (
                stored_uuid(uuid.uuid4()),
                stf_keys[message.stf_filename],
                message.tf_filename,
                None,
                "",
                str(FileStatus.REGISTERED),
                message.tf_first,
                message.tf_last,
                message.tf_count,
                "{}",
                stored_time(created_at),
            )
            for (_, message), created_at in zip(new, from_now_on(), strict=False)
        ],
    )
    for entry, _ in new:
        counters.add(entry.run_number, "stf_samples_received")
