"""What a message must satisfy beyond its fields' types before anything is drawn from it."""

from __future__ import annotations

from monitor.records.states import WorkerStatus as WorkerStates
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import (
    EndRun,
    Message,
    PauseRun,
    ProcessingComplete,
    ResumeRun,
    RunImminent,
    SliceStatus,
    StartRun,
    StfGen,
    StfReady,
    TfFileRegistered,
    TfSlicesRegistered,
    WorkerStatus,
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


def run_number(message: Message) -> int:
    """Give the number of a message's run; raises InvalidMessage when it names none."""
    text = message.run_id
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidMessage(f"run_id {text[:60]!r} is not the number of a run")
    return int(text)


def fault(message: Message) -> str:
    """Say why nothing can be drawn from a message; empty when all is well."""
    if isinstance(message, (StfGen, StfReady, ProcessingComplete)):
        return _too_long("filename", message.filename)
    if isinstance(message, (TfFileRegistered, TfSlicesRegistered)):
        return _too_long("tf_filename", message.tf_filename) or _too_long(
            "stf_filename", message.stf_filename
        )
    if isinstance(message, SliceStatus):
        return _slice_fault(message)
    if isinstance(message, WorkerStatus):
        return _worker_fault(message)
    return ""


def _slice_fault(message: SliceStatus) -> str:
    for state in message.slices:
        if state.status not in SLICE_STATES:
            return (
                f"slice {state.slice_id} of {state.tf_filename[:60]}:"
                f" {state.status[:60]!r} is no status of a slice"
            )
        if len(state.tf_filename) > NAME_LIMIT:
            return _too_long("tf_filename", state.tf_filename)
    return ""


def _worker_fault(message: WorkerStatus) -> str:
    for worker in message.workers:
        if worker.status not in WorkerStates.values:
            return (
                f"worker {worker.worker_id[:60]}: {worker.status[:60]!r} is no status of a worker"
            )
        if len(worker.worker_id) > WORKER_LIMIT:
            return _too_long("worker_id", worker.worker_id, WORKER_LIMIT)
    return ""


def _too_long(field: str, value: str, limit: int = NAME_LIMIT) -> str:
    if len(value) <= limit:
        return ""
    return f"{field} has {len(value)} characters, {limit} are the most that are kept"
