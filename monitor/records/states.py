"""Which change of an execution's status leads where; the words themselves are everybody's."""

from __future__ import annotations

from swf_common_lib.states import (
    ACTIVE,
    TERMINAL,
    WORKERS_AT_WORK,
    WORKERS_GONE,
    ExecutionStatus,
    FileStatus,
    RunPhase,
    SliceStatus,
    WorkerStatus,
)

__all__ = [
    "ACTIVE",
    "EXECUTION_SOURCES",
    "TERMINAL",
    "WORKERS_AT_WORK",
    "WORKERS_GONE",
    "ExecutionStatus",
    "FileStatus",
    "RunPhase",
    "SliceStatus",
    "WorkerStatus",
]

EXECUTION_SOURCES: dict[str, tuple[str, ...]] = {
    ExecutionStatus.RUNNING: (ExecutionStatus.PENDING, ExecutionStatus.PAUSED),
    ExecutionStatus.PAUSED: (ExecutionStatus.RUNNING,),
    ExecutionStatus.COMPLETED: ACTIVE,
    ExecutionStatus.FAILED: (ExecutionStatus.PENDING, *ACTIVE),
    ExecutionStatus.TERMINATED: (ExecutionStatus.PENDING, *ACTIVE),
}
