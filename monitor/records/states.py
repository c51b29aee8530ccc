"""The states of executions, runs, slices and files, and the allowed changes between them."""

from __future__ import annotations

from django.db.models import TextChoices


class ExecutionStatus(TextChoices):
    """Status of a workflow execution; ``EXECUTION_SOURCES`` has the allowed previous ones."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATED = "terminated"


ACTIVE = (ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)
TERMINAL = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.TERMINATED)

EXECUTION_SOURCES: dict[str, tuple[str, ...]] = {
    ExecutionStatus.RUNNING: (ExecutionStatus.PENDING, ExecutionStatus.PAUSED),
    ExecutionStatus.PAUSED: (ExecutionStatus.RUNNING,),
    ExecutionStatus.COMPLETED: ACTIVE,
    ExecutionStatus.FAILED: (ExecutionStatus.PENDING, *ACTIVE),
    ExecutionStatus.TERMINATED: (ExecutionStatus.PENDING, *ACTIVE),
}


class RunPhase(TextChoices):
    """The phase of a run, from its announcement to its last slice."""

    IMMINENT = "imminent"
    PHYSICS = "physics"
    STANDBY = "standby"
    PROCESSING = "processing"
    """Data taking has ended, but not yet the work that it caused."""
    COMPLETED = "completed"


class SliceStatus(TextChoices):
    """Status of a TF slice. It only moves forward, except that after a failed try the slice may be
    queued again. The last two are final."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class FileStatus(TextChoices):
    """Status of an STF file or a TF sample."""

    REGISTERED = "registered"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    DONE = "done"


class WorkerStatus(TextChoices):
    """Life cycle of a worker."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPED = "stopped"
    FAILED = "failed"


WORKERS_AT_WORK = (WorkerStatus.IDLE, WorkerStatus.BUSY)
"""The states of a worker that is ready for slices, or has one."""
WORKERS_GONE = (WorkerStatus.STOPPED, WorkerStatus.FAILED)
