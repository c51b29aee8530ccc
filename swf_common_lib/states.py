"""The words for states of what the testbed keeps on record, each defined here alone."""

from __future__ import annotations

from enum import Enum, EnumMeta


class _Vocabulary(EnumMeta):
    """What can be asked of a set of words as a whole, as of Django's ``TextChoices``."""

    @property
    def values(cls) -> list[str]:
        """Return the words."""
        return [value for value, _ in cls.choices]

    @property
    def choices(cls) -> list[tuple[str, str]]:
        """Return the words with their labels, as a model's field takes them."""
        words: list[Enum] = list(cls.__members__.values())
        return [(str(word.value), word.name.replace("_", " ").title()) for word in words]


class Word(str, Enum, metaclass=_Vocabulary):
    """A word that is stored and sent as it is."""

    def __str__(self) -> str:
        return str(self.value)


class ExecutionStatus(Word):
    """The status of a workflow execution."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    TERMINATED = "terminated"


ACTIVE = (ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)
TERMINAL = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.TERMINATED)
"""Statuses of an execution that do not change any more."""


class EndCause(Word):
    """What brought an execution to its end."""

    FINISHED = "finished"
    """Its workflow came to its own end."""
    DURATION_REACHED = "duration_reached"
    STOPPED = "stopped"
    """Somebody asked for it."""
    RUNNER_STOPPED = "runner_stopped"
    """Its runner was stopped in order, and ended what it had in hand."""
    WORKFLOW_RAISED = "workflow_raised"
    CONFIGURATION = "configuration"
    """Its record could not be executed: no code in it, or a configuration that nobody can use."""
    RUNNER_LOST = "runner_lost"
    """Its lease lapsed, or its runner was not heard of any more."""
    NEVER_CLAIMED = "never_claimed"
    """No runner took it in time."""
    REPORTED = "reported"
    """An agent that names no causes reported the end."""


class Change(Word):
    """What can be asked of the runner of an execution."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class AgentsEvent(Word):
    """What people do to the agents of a host, as types of events in the history."""

    START_REQUESTED = "agents_start_requested"
    STARTED = "agents_started"
    START_FAILED = "agents_start_failed"
    STOP_REQUESTED = "agents_stop_requested"
    STOPPED = "agents_stopped"
    STOP_FAILED = "agents_stop_failed"


class RunPhase(Word):
    """The phase of a run, from its announcement to its last slice."""

    IMMINENT = "imminent"
    PHYSICS = "physics"
    STANDBY = "standby"
    PROCESSING = "processing"
    """Data taking has ended, but not yet the work that it caused."""
    COMPLETED = "completed"


class SliceStatus(Word):
    """Status of a TF slice. It only moves forward, except that after a failed try the slice may be
    queued again. The last two are final."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class FileStatus(Word):
    """Status of an STF file or a TF sample."""

    REGISTERED = "registered"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    DONE = "done"


class WorkerStatus(Word):
    """Life cycle of a worker."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPED = "stopped"
    FAILED = "failed"


WORKERS_AT_WORK = (WorkerStatus.IDLE, WorkerStatus.BUSY)
"""The states of a worker that is ready for slices, or has one."""
WORKERS_GONE = (WorkerStatus.STOPPED, WorkerStatus.FAILED)


class AgentHealth(Word):
    """The health of an agent, as it judges it itself."""

    OK = "OK"
    WARNING = "WARNING"
    ERROR = "ERROR"
    UNKNOWN = "UNKNOWN"


class Liveness(Word):
    """How an agent stands, by its heartbeats."""

    ALIVE = "alive"
    LATE = "late"
    SILENT = "silent"
    EXITED = "exited"
    """It said good-bye."""


class OperationalState(Word):
    """What an agent is doing."""

    STARTING = "STARTING"
    READY = "READY"
    PROCESSING = "PROCESSING"
    EXITED = "EXITED"


LISTENING = (OperationalState.READY, OperationalState.PROCESSING)
"""States of an agent that hears messages."""


class TokenScope(Word):
    """What a token permits; each scope includes the ones before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, other: TokenScope) -> bool:
        """Return whether it permits all that ``other`` permits."""
        scopes = list(TokenScope)
        return scopes.index(self) >= scopes.index(other)
