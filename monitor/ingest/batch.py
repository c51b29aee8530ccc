"""One batch of messages, one transaction: the messages' rows and all rows derived from them."""

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
from monitor.records.database.notify import notify_changed
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
"""Errors that the content of a message may cause in a projection. Other database errors (away,
locked, disk full) do not depend on messages: then the whole batch is tried again."""

logger = logging.getLogger(__name__)


@dataclass
class Recorded:
    """The outcome of a batch."""

    new: int = 0
    repeated: int = 0
    """Messages that had been recorded before; they changed nothing."""
    problems: int = 0
    last_sent_at: datetime | None = None
    types: dict[str, int] = field(default_factory=dict)
    """New messages by type."""


def record_batch(batch: Sequence[Entry]) -> Recorded:
    """Record messages and the rows derived from them, each once, however often it is received.

    All or nothing: raises DatabaseError when the database could not store the batch, and then
    nothing of it is stored. A message that cannot be understood, or on which a projection fails,
    is recorded with its problem and does not affect the others.
    """
    by_id: dict[str, Entry] = {}
    for entry in batch:
        by_id.setdefault(entry.message_id, entry)
    entries = list(by_id.values())
    try:
        # Nearly always all are new and good. So no query looks for known ones first (each query
        # waits for its turn on a busy machine): the database refuses what it has.
        with one_writer():
            _write(entries)
            notify_changed(entry.execution_id for entry in entries)
        return _summary(batch, entries)
    except _FAULTS_OF_A_MESSAGE:
        with one_writer():
            known = _known(entries)
            recorded = _record([entry for entry in entries if entry.message_id not in known])
            notify_changed(entry.execution_id for entry in recorded)
        return _summary(batch, recorded)


def _known(entries: Sequence[Entry]) -> set[str]:
    known: set[str] = set()
    for portion in portions(entry.message_id for entry in entries):
        rows = WorkflowMessage.objects.filter(message_id__in_array=portion)
        known.update(rows.values_list("message_id", flat=True))
    return known


def _record(entries: Sequence[Entry]) -> list[Entry]:
    """Record entries and return them as recorded.

    When that fails, record each half by itself, and so on, until the faulty entries are alone.
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
    # A copy: if the database goes away before the commit, the unchanged batch is tried again.
    entry = replace(entry)
    entry.give_up(f"{type(error).__name__}: {error}")
    try:
        with transaction.atomic():
            _insert([entry])
    except (DataError, IntegrityError, ValueError):
        # This database cannot store the body as JSON either: store it as text.
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
