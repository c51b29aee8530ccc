"""Processing tasks for complete super time frames: who carries them out.

``SWF_TASK_BACKEND`` chooses: ``local``, the executor in this process, or ``panda``.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from agents.stf_content import content_block
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.messages import UNPACED, derived_id

SETTING = "SWF_TASK_BACKEND"
LOCAL_SLOTS = 32
"""Super time frames that the local executor processes at once."""
TF_BYTES = 512
"""Of each time frame, the bytes that processing looks at."""
REMEMBERED_TASKS = 10_000
"""Finished tasks that the local executor still knows; an older one's status is unknown."""


class TaskStatus(str, Enum):
    """The state of a task; the last three are final."""

    UNKNOWN = "unknown"
    """The backend does not know the task, or does not answer now."""
    SUBMITTED = "submitted"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Return whether the status can no longer change."""
        return self in (TaskStatus.DONE, TaskStatus.FAILED, TaskStatus.CANCELLED)


@dataclass(frozen=True)
class TaskRequest:
    """A request to process one super time frame.

    ``processing_time`` is in simulated seconds, ``time_scale`` in simulated seconds a wall second
    (0: no wall time is spent). The same ``request_id`` is the same wish.
    """

    request_id: str
    dataset: str
    lfn: str
    tf_count: int
    processing_time: float
    time_scale: float


@dataclass(frozen=True)
class Job:
    """One file's share of a task."""

    job_id: str
    lfn: str
    status: TaskStatus
    error: str = ""
    """Why it failed."""
    output: dict[str, str | int] = field(default_factory=dict)
    """What it made: ``output_filename``, ``output_checksum``, ``tf_processed``."""


class TaskBackend(Protocol):
    """A service that carries out processing tasks."""

    description: str
    """What it is and where, for status and logs."""
    poll_interval: float
    """Wall seconds between two questions for the status of a task; 0: asking costs nothing."""

    def submit(self, request: TaskRequest) -> tuple[str, bool]:
        """Accept a request; return the task's id, and whether it was submitted before."""

    def status(self, task_id: str) -> TaskStatus:
        """Return the state of a task."""

    def jobs(self, task_id: str) -> list[Job]:
        """List the jobs of a task; empty when the task is unknown."""

    def cancel(self, task_id: str, soft: bool = False) -> None:
        """End a task; ``soft`` lets what already runs finish."""

    def close(self) -> None:
        """Cancel what is not finished; the process is about to end."""


def task_backend(name: str, notify: Callable[[], None]) -> TaskBackend:
    """Return the task backend that the settings name.

    ``notify`` is called, on any thread, when a task may have finished; a backend that only
    answers questions does not call it.
    Raises ConfigurationError for one that does not exist or is not available yet.
    """
    if name == "local":
        return LocalTasks(notify)
    if name == "panda":
        raise ConfigurationError(
            [f"{SETTING}=panda: the PanDA task backend is not available yet"],
            f"Set {SETTING}=local to process with the embedded executor.",
        )
    raise ConfigurationError(
        [f"{SETTING}={name!r} is no task backend"], f"Set {SETTING} to local or panda."
    )


@dataclass
class _LocalTask:
    request: TaskRequest
    cancelled: threading.Event
    future: Future[dict[str, str | int]] | None = None


class LocalTasks:
    """Processes super time frames on this machine, ``slots`` at once, one thread each.

    ``notify`` is called on such a thread when a task has finished.
    """

    poll_interval = 0.0

    def __init__(self, notify: Callable[[], None], slots: int = LOCAL_SLOTS) -> None:
        self.description = f"embedded local executor ({slots} STFs at once in this process)"
        self._tasks: OrderedDict[str, _LocalTask] = OrderedDict()
        self._lock = threading.Lock()
        self._notify = notify
        self._executor = ThreadPoolExecutor(slots, thread_name_prefix="stf-task")

    def submit(self, request: TaskRequest) -> tuple[str, bool]:
        """Start a task, or return the one that has this ``request_id`` already."""
        task_id = f"local-{derived_id(request.request_id, 'task')}"
        with self._lock:
            if task_id in self._tasks:
                return task_id, True
            task = _LocalTask(request, threading.Event())
            self._tasks[task_id] = task
            self._forget_old()
        task.future = self._executor.submit(_process, request, task.cancelled)
        task.future.add_done_callback(lambda _: self._notify())
        return task_id, False

    def status(self, task_id: str) -> TaskStatus:
        """Return the state of a task."""
        task = self._tasks.get(task_id)
        return TaskStatus.UNKNOWN if task is None else _status(task)

    def jobs(self, task_id: str) -> list[Job]:
        """List the task's one job."""
        task = self._tasks.get(task_id)
        if task is None:
            return []
        status = _status(task)
        error, output = "", {}
        if task.future is not None and status is TaskStatus.DONE:
            output = task.future.result()
        elif task.future is not None and status is TaskStatus.FAILED:
            error = str(task.future.exception())
        return [Job(f"{task_id}.1", task.request.lfn, status, error, output)]

    def cancel(self, task_id: str, soft: bool = False) -> None:
        """End a task; ``soft`` lets it finish when it already runs."""
        task = self._tasks.get(task_id)
        if task is None or task.future is None:
            return
        if not task.future.cancel() and not soft:
            task.cancelled.set()

    def close(self) -> None:
        """Cancel every task that is not finished."""
        for task_id in list(self._tasks):
            self.cancel(task_id)
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _forget_old(self) -> None:
        while len(self._tasks) > REMEMBERED_TASKS:
            oldest = next(iter(self._tasks))
            if not _status(self._tasks[oldest]).final:
                return
            del self._tasks[oldest]


def _status(task: _LocalTask) -> TaskStatus:
    future = task.future
    if future is None:
        return TaskStatus.SUBMITTED
    if not future.done():
        return TaskStatus.RUNNING if future.running() else TaskStatus.SUBMITTED
    if future.cancelled() or isinstance(future.exception(), CancelledError):
        return TaskStatus.CANCELLED
    return TaskStatus.DONE if future.exception() is None else TaskStatus.FAILED


def _process(request: TaskRequest, cancelled: threading.Event) -> dict[str, str | int]:
    """Wait for the task's time, then compute a checksum over the (simulated) time frames."""
    if request.tf_count < 1:
        raise TestbedError(f"{request.lfn} has no time frames to process")
    if request.time_scale != UNPACED:
        cancelled.wait(request.processing_time / request.time_scale)
    block = content_block(request.lfn)[:TF_BYTES]
    checksum = 0
    for time_frame in range(request.tf_count):
        if cancelled.is_set():
            raise CancelledError
        checksum = zlib.crc32(block, checksum ^ time_frame)
    return {
        "output_filename": f"{request.lfn.removesuffix('.stf')}.processed",
        "output_checksum": f"{checksum:08x}",
        "tf_processed": request.tf_count,
    }
