"""The messages that workflows, agents and workers exchange: their types and fields.

Bodies are JSON objects. ``parse_message`` turns a body into the model of its type; fields that a
model does not name are kept. Times are ISO 8601 with zone; ticks are simulated seconds.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timezone
from json import JSONDecodeError
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from swf_common_lib.config import PARAMETERS
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.states import SliceStatus
from swf_common_lib.strict_json import read_json

_URL_NAMESPACE = uuid.NAMESPACE_URL.bytes

MOST_TIME_FRAMES = 1_000_000
"""In one super time frame; it has about 1000."""
UNPACED = 0.0
"""``time_scale`` of a run whose simulated clock is not tied to the wall clock."""


def _most(name: str) -> float:
    """Return the largest value of a parameter: configurations and messages have the same limit."""
    return PARAMETERS[name].maximum


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A number or a count that the tables can hold."""
Bytes = Annotated[int, Field(ge=0, le=2**63 - 1)]
FileName = Annotated[str, Field(min_length=1, max_length=255)]
Tick = Annotated[float, Field(ge=0, le=1e12)]
"""Simulated seconds; the bound is beyond all runs, and what nobody could wait for."""
RunId = Annotated[str, BeforeValidator(_text)]
"""A run number as text; a number is taken too."""


class Message(BaseModel):
    """What every message carries; also the model of message types that we do not know."""

    model_config = ConfigDict(extra="allow")

    msg_type: str = Field(min_length=1, max_length=100)
    namespace: str = ""
    sender: str = ""
    execution_id: str = ""
    run_id: RunId = ""
    timestamp: str = ""
    message_id: str = ""
    """UUID given by the sender; empty when an older agent gave none."""
    simulation_tick: Tick | None = None
    """Simulated seconds since the workflow began, at the event this message is about."""
    time_scale: float | None = None
    """Simulated seconds a wall second; 0: as fast as the machine goes."""
    state: str = ""
    substate: str = ""


class RunImminent(Message):
    """A run is about to start; agents prepare."""


class StartRun(Message):
    """Data taking starts."""


class PauseRun(Message):
    """Data taking pauses (standby)."""

    reason: str = ""


class ResumeRun(Message):
    """Data taking goes on."""


class EndRun(Message):
    """The run is over."""

    total_stf_files: Count | None = None
    reason: str = ""
    """Why it ended before its time; empty for an ordinary end."""


class StfGen(Message):
    """The DAQ wrote a super time frame."""

    filename: str = Field(min_length=1)
    sequence: Count | None = None


class StfReady(Message):
    """A super time frame is registered and can be read."""

    filename: str = Field(min_length=1)
    size_bytes: Bytes | None = None
    checksum: str = ""
    """adler32, 8 lower-case hex digits."""
    sequence: Count | None = None
    tf_count: int | None = Field(default=None, ge=0, le=MOST_TIME_FRAMES)


class TfFileRegistered(Message):
    """A sample of time frames was taken from a super time frame."""

    tf_filename: str = Field(min_length=1)
    stf_filename: str = Field(min_length=1)
    tf_first: Count
    tf_last: Count
    tf_count: Count


class ProcessingComplete(Message):
    """A super time frame was processed as a whole."""

    filename: str = Field(min_length=1)
    task_id: RunId = ""
    error: str = ""
    """Why its processing failed; empty when it succeeded."""


class Slice(BaseModel):
    """A contiguous part of a TF sample, as registered."""

    model_config = ConfigDict(extra="allow")

    slice_id: Count
    tf_first: Count
    tf_last: Count
    tf_count: Count


class TfSlicesRegistered(Message):
    """The slices of one TF sample were made and queued."""

    tf_filename: str = Field(min_length=1)
    stf_filename: str = ""
    slices: list[Slice]


class SliceState(BaseModel):
    """The state of one slice. Ticks are simulated seconds, times are wall time."""

    model_config = ConfigDict(extra="allow")

    tf_filename: str = Field(min_length=1)
    slice_id: Count
    status: str
    """queued, processing, completed or failed."""
    worker: str = ""
    retries: Count = 0
    started_tick: Tick | None = None
    finished_tick: Tick | None = None
    processing_start_at: str | None = None
    processed_at: str | None = None
    error: str = ""


class SliceStatusMessage(Message):
    """New states of many slices of a run, batched from the workers' results."""

    slices: list[SliceState]


class WorkerState(BaseModel):
    """The state of one worker."""

    model_config = ConfigDict(extra="allow")

    worker_id: str = Field(min_length=1)
    status: str
    """starting, idle, busy, stopped or failed."""
    location: str = ""
    panda_job: str = ""
    slices_completed: Count = 0
    slices_failed: Count = 0
    started_at: str | None = None
    ended_at: str | None = None
    started_tick: Tick | None = None
    ended_tick: Tick | None = None
    busy_seconds: Tick | None = None
    """Simulated seconds spent on slices."""


class WorkerStatusMessage(Message):
    """New states of many workers of a run."""

    workers: list[WorkerState]


class RunImminentWorker(Message):
    """To the workers: a run is coming, ramp up."""

    target_worker_count: int = Field(ge=0, le=_most("target_worker_count"))
    worker_rampup_time: float = Field(ge=0, le=_most("worker_rampup_time"))
    worker_rampdown_time: float = Field(ge=0, le=_most("worker_rampdown_time"))
    slice_processing_time: float = Field(ge=0, le=_most("slice_processing_time"))
    activemq_streams: int = Field(default=1, ge=1, le=_most("activemq_streams"))
    node_parallelism: int = Field(default=0, ge=0, le=_most("node_parallelism"))
    """Slots of one worker process; 0: as many as the run asks for."""
    retry_max_attempts: int = Field(default=3, ge=1, le=_most("retry_max_attempts"))


class EndRunWorker(Message):
    """To the workers: no further slices will come; finish what waits, then ramp down."""


class SliceContent(BaseModel):
    """The work of one slice message."""

    model_config = ConfigDict(extra="allow")

    run_id: RunId
    execution_id: str = ""
    req_id: str = ""
    filename: str = ""
    tf_filename: FileName
    slice_id: Count
    start: Count = 0
    end: Count = 0
    tf_count: Count = 0
    state: str = SliceStatus.QUEUED.value
    substate: str = "new"


class SliceWork(Message):
    """One slice to be processed (``slice`` on the slice queue)."""

    created_at: str = ""
    content: SliceContent


class SliceResult(Message):
    """The result of one slice (``slice_result`` on the results queue)."""

    content: dict[str, Any]


MESSAGE_TYPES: dict[str, type[Message]] = {
    "run_imminent": RunImminent,
    "start_run": StartRun,
    "pause_run": PauseRun,
    "resume_run": ResumeRun,
    "end_run": EndRun,
    "stf_gen": StfGen,
    "stf_ready": StfReady,
    "tf_file_registered": TfFileRegistered,
    "processing_complete": ProcessingComplete,
    "tf_slices_registered": TfSlicesRegistered,
    "slice_status": SliceStatusMessage,
    "worker_status": WorkerStatusMessage,
    "run_imminent_worker": RunImminentWorker,
    "end_run_worker": EndRunWorker,
    "slice": SliceWork,
    "slice_result": SliceResult,
}


def parse_body(body: str | bytes) -> dict[str, Any]:
    """Decode a message's body into a JSON object.

    Raises InvalidMessage when it is not UTF-8, not JSON, nested too deeply, or not an object.
    """
    try:
        value = read_json(body)
    except UnicodeDecodeError as error:
        raise InvalidMessage(f"the body is not UTF-8: {error}") from error
    except JSONDecodeError as error:
        raise InvalidMessage(f"the body is not JSON: {error}") from error
    except ValueError as error:
        raise InvalidMessage(f"the body cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise InvalidMessage(f"the body is a JSON {type(value).__name__}, not an object")
    return value


def parse_message(body: dict[str, Any]) -> Message:
    """Return a decoded body as the model of its ``msg_type``.

    Raises InvalidMessage naming every field that is missing or mistyped.
    """
    kind = body.get("msg_type")
    model = MESSAGE_TYPES.get(kind, Message) if isinstance(kind, str) else Message
    try:
        return model.model_validate(body)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        raise InvalidMessage(f"{kind or 'a message without msg_type'}: {faults}") from error


def utc_now() -> str:
    """Return the present time as ISO 8601 in UTC."""
    return datetime.now(timezone.utc).isoformat()


def derived_id(cause: str, *parts: str) -> str:
    """Return the message id of a reaction to message ``cause``.

    The same cause and parts give the same id: an agent that handles a redelivered message
    repeats its messages under the same identity, and the record counts them once.
    """
    # uuid.uuid5 says the same; three of them a slice were a tenth of an agent's time.
    named = _URL_NAMESPACE + "\x1f".join((cause, *parts)).encode()
    digest = hashlib.sha1(named, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
