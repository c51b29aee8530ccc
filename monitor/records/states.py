"""The states of executions, runs, slices and files, and which change leads where."""

from __future__ import annotations

from django.db.models import TextChoices


class ExecutionStatus(TextChoices):
    """Status of a workflow execution; ``EXECUTION_SOURCES`` says what may precede each."""

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
    """Where a run stands, from its announcement to the last slice of it."""

    IMMINENT = "imminent"
    PHYSICS = "physics"
    STANDBY = "standby"
    PROCESSING = "processing"
    """Data taking is over, work that it caused is not."""
    COMPLETED = "completed"


class SliceStatus(TextChoices):
    """Status of a TF slice: it only moves forward, but for a failed try that is followed by
    another, from the queue on. The last two are final."""

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
"""A worker that is ready for slices, or has one."""
WORKERS_GONE = (WorkerStatus.STOPPED, WorkerStatus.FAILED)
