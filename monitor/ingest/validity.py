"""What a message must satisfy beyond its fields' types before anything is drawn from it."""

from __future__ import annotations

from typing import Any

from monitor.records.states import WorkerStatus as WorkerStates
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import (
    EndRun,
    Message,
    PauseRun,
    ProcessingComplete,
    ResumeRun,
    RunImminent,
    SliceState,
    StartRun,
    StfGen,
    StfReady,
    TfFileRegistered,
    TfSlicesRegistered,
    WorkerState,
    parse_message,
)

DAQ_TYPES = frozenset({"run_imminent", "start_run", "pause_run", "resume_run", "end_run"})
"""Messages that move a run from phase to phase."""
WORKER_ANNOUNCEMENTS = frozenset({"run_imminent_worker", "end_run_worker"})
EVENT_TYPES = DAQ_TYPES | WORKER_ANNOUNCEMENTS | {"stf_gen"}
"""Messages that the event history of a run consists of."""
PROJECTED = EVENT_TYPES | {
    "stf_ready",
    "tf_file_registered",
    "processing_complete",
    "tf_slices_registered",
    "slice_status",
    "worker_status",
}
"""Messages from which more rows are drawn than the record of the message itself."""
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
"""What senders call the states of a slice, and what the tables call them."""
NAME_LIMIT = 255
"""Characters that the tables keep of a file's name."""
WORKER_LIMIT = 200
_WORKER_STATES = frozenset(WorkerStates.values)
_NEWS = {"slice_status": "slices", "worker_status": "workers"}
"""Messages of many things that have nothing to do with each other, and the field that has them."""


def run_number(message: Message) -> int:
    """Give the number of a message's run; raises InvalidMessage when it names none."""
    text = message.run_id
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidMessage(f"run_id {text[:60]!r} is not the number of a run")
    return int(text)


def understood(body: dict[str, Any]) -> tuple[Message, list[str]]:
    """Turn the body of a message into its model; say what is wrong with entries left out of it.

    News of many slices or workers counts without its bad entries. Raises InvalidMessage for a
    message of which nothing is left, or that is wrong as a whole.
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
    """Parse a message without those of its entries that are wrong, and say what is."""
    parse_message({**body, field: []})  # nothing is wrong but with entries
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
    """Say why nothing can be drawn from a message; empty when all is well."""
    if isinstance(message, (StfGen, StfReady, ProcessingComplete)):
        return _too_long("filename", message.filename)
    if isinstance(message, (TfFileRegistered, TfSlicesRegistered)):
        return _too_long("tf_filename", message.tf_filename) or _too_long(
            "stf_filename", message.stf_filename
        )
    return ""


def _entry_fault(entry: SliceState | WorkerState) -> str:
    """Say what is wrong with the news of one slice or worker; empty when nothing is."""
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
