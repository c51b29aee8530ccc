"""Projections: rows of runs, files, samples, slices, workers and events, made from messages.

Each projection takes the whole batch and makes each of its queries once. Within a batch the order
below counts, not that of the messages; the rows are the same however the messages are cut into
batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.ingest.entry import Entry
from monitor.ingest.projections import events, files, run_completion, runs, samples, slices, workers
from monitor.ingest.projections.batch_entries import BatchEntries
from monitor.ingest.projections.run_counters import RunCounterDeltas


def project(entries: Sequence[Entry]) -> None:
    """Apply all projections to messages that were not recorded before."""
    batch = BatchEntries(entries)
    if not batch:
        return
    counters = RunCounterDeltas()
    keys = runs.ensure(batch)
    events.record(batch)
    files.count_generated(batch, counters)
    stf_files = files.Files(keys, counters)
    stf_files.register(batch)
    samples.register(batch, stf_files, counters)
    stf_files.complete(batch)
    workers.update(batch, counters)
    counters.write()
    slices.update(batch)
    runs.move(batch)
    run_completion.update_worker_statistics(batch)
    run_completion.complete_finished_runs(keys)
