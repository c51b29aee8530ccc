"""Checks of messages beyond the types of their fields, before rows are derived from them."""

from __future__ import annotations

from typing import Any

from monitor.records.states import WorkerStatus as WorkerStates
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import (
    MESSAGE_TYPES,
    EndRun,
    Message,
    PauseRun,
    ResumeRun,
    RunImminent,
    SliceState,
    StartRun,
    WorkerState,
    parse_message,
)

DAQ_TYPES = frozenset({"run_imminent", "start_run", "pause_run", "resume_run", "end_run"})
"""Messages that move a run from phase to phase."""
WORKER_ANNOUNCEMENTS = frozenset({"run_imminent_worker", "end_run_worker"})
EVENT_TYPES = DAQ_TYPES | WORKER_ANNOUNCEMENTS | {"stf_gen"}
"""Messages that make up the event history of a run."""
PROJECTED = frozenset(MESSAGE_TYPES) - {"slice", "slice_result"}
"""Messages from which rows are derived, beyond the record of the message itself.

All that there are, so that a new type cannot be forgotten here; work and results of single slices
are told of by ``slice_status``.
"""
DAQ_MESSAGES = (RunImminent, StartRun, PauseRun, ResumeRun, EndRun)
SLICE_STATES = {
    "queued": "queued",
    "new": "queued",
    "processing": "processing",
    "running": "processing",
    "completed": "completed",
    "done": "completed",
    "finished": "completed",
    "failed": "failed",
}
"""The senders' names for the states of a slice, and the tables' names."""
NAME_LIMIT = 255
"""How many characters the tables store of a file's name."""
WORKER_LIMIT = 200
_WORKER_STATES = frozenset(WorkerStates.values)
_FILE_NAMES = frozenset({"filename", "tf_filename", "stf_filename"})
"""Fields that name a file, in whatever type of message."""
_NEWS = {"slice_status": "slices", "worker_status": "workers"}
"""Messages about many independent slices or workers, and the field that lists these."""


def run_number(message: Message) -> int:
    """Return the number of a message's run; raise InvalidMessage when it has none."""
    text = message.run_id
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidMessage(f"run_id {text[:60]!r} is not the number of a run")
    return int(text)


def understood(body: dict[str, Any]) -> tuple[Message, list[str]]:
    """Return a message's model, and the faults of the entries that were left out of it.

    A message about many slices or workers is used without its faulty entries. Raises
    InvalidMessage when no entry is left, or the message as a whole is faulty.
    """
    field = _NEWS.get(body["msg_type"], "")
    try:
        message = parse_message(body)
    except InvalidMessage:
        if not isinstance(body.get(field), list):
            raise
        return _sifted(body, field)
    if field and any(_entry_fault(entry) for entry in getattr(message, field)):
        return _sifted(body, field)
    if problem := _fault(message):
        raise InvalidMessage(problem)
    return message, []


def _sifted(body: dict[str, Any], field: str) -> tuple[Message, list[str]]:
    """Return a message without its faulty entries, and the faults of these."""
    parse_message({**body, field: []})  # raises if more than the entries is faulty
    good, problems = [], []
    for number, entry in enumerate(body[field]):
        try:
            parsed = parse_message({**body, field: [entry]})
        except InvalidMessage as error:
            problems.append(error.detail.replace(f"{field}.0", f"{field}.{number}"))
            continue
        if problem := _entry_fault(getattr(parsed, field)[0]):
            problems.append(f"{field}.{number}: {problem}")
        else:
            good.append(entry)
    if not good:
        raise InvalidMessage("; ".join(problems))
    return parse_message({**body, field: good}), problems


def _fault(message: Message) -> str:
    """Return why a message cannot be used; an empty text for a good one."""
    for field in _FILE_NAMES & type(message).model_fields.keys():
        if problem := _too_long(field, getattr(message, field)):
            return problem
    return ""


def _entry_fault(entry: SliceState | WorkerState) -> str:
    """Return the fault of an entry about one slice or worker; an empty text for a good one."""
    if isinstance(entry, SliceState):
        if entry.status not in SLICE_STATES:
            return (
                f"slice {entry.slice_id} of {entry.tf_filename[:60]}:"
                f" {entry.status[:60]!r} is no status of a slice"
            )
        return _too_long("tf_filename", entry.tf_filename)
    if entry.status not in _WORKER_STATES:
        return f"worker {entry.worker_id[:60]}: {entry.status[:60]!r} is no status of a worker"
    return _too_long("worker_id", entry.worker_id, WORKER_LIMIT)


def _too_long(field: str, value: str, limit: int = NAME_LIMIT) -> str:
    if len(value) <= limit:
        return ""
    return f"{field} has {len(value)} characters, {limit} are the most that are kept"
