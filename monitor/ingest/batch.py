"""One batch of messages, one transaction: the messages' rows and all that is drawn from them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db import (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    transaction,
)

from monitor.ingest.entry import FAULTS, RAW_LIMIT, Entry
from monitor.ingest.projections import project
from monitor.records.database.bulk import insert_rows, portions, time_form
from monitor.records.database.notify import tell_changed
from monitor.records.database.write_lock import one_writer
from monitor.records.models import WorkflowMessage
from swf_common_lib.errors import TestbedError

_FIELDS = (
    "message_id",
    "message_type",
    "namespace",
    "sender_agent",
    "execution_id",
    "run_id",
    "destination",
    "sent_at",
    "received_at",
    "content",
    "problem",
)
_FAULTS_OF_A_MESSAGE = (
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    TestbedError,
    *FAULTS,
)
"""What a projection may raise over what a message says. Other database errors (gone, locked, disk
full) say nothing about messages: the whole batch is tried again."""

logger = logging.getLogger(__name__)


@dataclass
class Recorded:
    """What became of a batch."""

    new: int = 0
    repeated: int = 0
    """Messages that had been recorded before; nothing was drawn from them again."""
    problems: int = 0
    last_sent_at: datetime | None = None
    types: dict[str, int] = field(default_factory=dict)
    """New messages by type."""


def record_batch(batch: Sequence[Entry]) -> Recorded:
    """Record messages and what they say, each once, however often they come.

    All or nothing: raises DatabaseError when the database could not take the batch, which has
    then left no trace. A message that cannot be understood, or over which a projection fails, is
    recorded with its problem and keeps nothing else from being recorded.
    """
    by_id: dict[str, Entry] = {}
    for entry in batch:
        by_id.setdefault(entry.message_id, entry)
    entries = list(by_id.values())
    try:
        # All are new and well, but after a failure: so nobody asks, and the database refuses
        # what it has. Each question would wait for its turn on a busy machine.
        with one_writer():
            _write(entries)
            tell_changed(entry.execution_id for entry in entries)
        return _summary(batch, entries)
    except _FAULTS_OF_A_MESSAGE:
        with one_writer():
            known = _known(entries)
            recorded = _record([entry for entry in entries if entry.message_id not in known])
            tell_changed(entry.execution_id for entry in recorded)
        return _summary(batch, recorded)


def _known(entries: Sequence[Entry]) -> set[str]:
    known: set[str] = set()
    for portion in portions(entry.message_id for entry in entries):
        rows = WorkflowMessage.objects.filter(message_id__among=portion)
        known.update(rows.values_list("message_id", flat=True))
    return known


def _record(entries: Sequence[Entry]) -> list[Entry]:
    """Record entries; when that fails, their halves, until the ones that cause it are alone.

    Gives them as they were recorded.
    """
    try:
        with transaction.atomic():
            _write(entries)
    except _FAULTS_OF_A_MESSAGE as error:
        if len(entries) == 1:
            return [_record_without_projection(entries[0], error)]
        middle = len(entries) // 2
        return [*_record(entries[:middle]), *_record(entries[middle:])]
    return list(entries)


def _write(entries: Sequence[Entry]) -> None:
    _insert(entries)
    project(entries)


def _record_without_projection(entry: Entry, error: Exception) -> Entry:
    logger.error(
        "message %s (%s from %s) is recorded, but nothing could be drawn from it",
        entry.message_id,
        entry.message_type,
        entry.sender,
        exc_info=error,
    )
    # A copy: if the database goes away before the commit, the batch is tried again as it was.
    entry = replace(entry)
    entry.give_up(f"{type(error).__name__}: {error}")
    try:
        with transaction.atomic():
            _insert([entry])
    except (DataError, IntegrityError, ValueError):
        # Not even the body can be stored as JSON by this database: keep it as text.
        entry.content = json.dumps({"raw": entry.content[:RAW_LIMIT]})
        _insert([entry])
    return entry


def _insert(entries: Sequence[Entry]) -> None:
    stored_time = time_form()
    insert_rows(
        WorkflowMessage,
        _FIELDS,
        [
            (
                entry.message_id,
                entry.message_type,
                entry.namespace,
                entry.sender,
                entry.execution_id,
                entry.run_id,
                entry.destination,
                stored_time(entry.sent_at),
                stored_time(entry.received_at),
                entry.content,
                entry.problem,
            )
            for entry in entries
        ],
    )


def _summary(batch: Sequence[Entry], new: Sequence[Entry]) -> Recorded:
    recorded = Recorded(new=len(new), repeated=len(batch) - len(new))
    for entry in new:
        recorded.types[entry.message_type] = recorded.types.get(entry.message_type, 0) + 1
        recorded.problems += bool(entry.problem)
    if new:
        recorded.last_sent_at = new[-1].sent_at
    return recorded
