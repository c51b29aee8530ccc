"""Projections: rows of runs, files, samples, slices, workers and events, made from messages.

Each projection takes the whole batch and makes each of its queries once. Within a batch the order
below counts, not that of the messages; the rows are the same however the messages are cut into
batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.ingest.entry import Entry
from monitor.ingest.projections import completion, events, files, runs, samples, slices, workers
from monitor.ingest.projections.run_counters import RunCounterDeltas
from monitor.ingest.projections.selection import Understood


def project(entries: Sequence[Entry]) -> None:
    """Apply all projections to messages that were not recorded before."""
    understood = Understood(entries)
    if not understood:
        return
    counters = RunCounterDeltas()
    keys = runs.ensure(understood)
    events.record(understood)
    files.count_generated(understood, counters)
    stf_files = files.Files(keys, counters)
    stf_files.register(understood)
    samples.register(understood, stf_files, counters)
    stf_files.complete(understood)
    workers.update(understood, counters)
    counters.write()
    slices.update(understood)
    runs.move(understood)
    completion.update_worker_statistics(understood)
    completion.complete_finished_runs(keys)
