"""The event history: enough to replay a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.ingest.entry import Entry, now
from monitor.ingest.validity import EVENT_TYPES
from monitor.records.database.bulk import insert_rows, time_form
from monitor.records.models import SystemStateEvent

_FIELDS = (
    "event_id",
    "timestamp",
    "run_number",
    "execution_id",
    "event_type",
    "state",
    "substate",
    "actor",
    "via",
    "event_data",
    "created_at",
)
_IN_COLUMNS = {
    "msg_type",
    "sender",
    "execution_id",
    "run_id",
    "timestamp",
    "message_id",
    "state",
    "substate",
}
"""Fields of a message that have their own column, so they are not in the event's data."""


def record(entries: Iterable[Entry]) -> None:
    """Record an event for every message of the DAQ and every announcement to the workers."""
    stored_time = time_form()
    created_at = stored_time(now())
    insert_rows(
        SystemStateEvent,
        _FIELDS,
        [
            _row(entry, stored_time(entry.sent_at), created_at)
            for entry in entries
            if entry.message_type in EVENT_TYPES
        ],
    )


def _row(entry: Entry, timestamp: Any, created_at: Any) -> tuple[Any, ...]:
    message = entry.message
    assert message is not None  # noqa: S101  (only understood messages come here)
    return (
        entry.message_id,
        timestamp,
        entry.run_number,
        entry.execution_id,
        entry.message_type,
        message.state[:50],
        message.substate[:50],
        entry.sender,
        "message",
        message.model_dump_json(exclude=_IN_COLUMNS, exclude_none=True),
        created_at,
    )
