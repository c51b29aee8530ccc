"""What is drawn from messages: runs, files, samples, slices, workers, events. A noun a module.

Each projection takes the whole batch and asks each of its questions once. The order below, not
that of the messages, decides within a batch; every projection gives the same rows however the
messages are cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.ingest.entry import Entry
from monitor.ingest.projections import completion, events, files, runs, samples, slices, workers
from monitor.ingest.projections.selection import Understood
from monitor.ingest.projections.tally import Tally


def project(entries: Sequence[Entry]) -> None:
    """Draw everything there is from messages that were not seen before."""
    understood = Understood(entries)
    if not understood:
        return
    tally = Tally()
    keys = runs.ensure(understood)
    events.record(understood)
    files.count_generated(understood, tally)
    stf_files = files.Files(keys, tally)
    stf_files.register(understood)
    samples.register(understood, stf_files, tally)
    stf_files.complete(understood)
    workers.update(understood, tally)
    tally.write()
    slices.update(understood)
    runs.move(understood)
    completion.tell_of_workers(understood)
    completion.decide(keys)
