"""The tasks extension: tool calls that go on after their answer."""

from mcp_server.tasks.extension import IDENTIFIER, TasksExtension, wants_task
from mcp_server.tasks.task import Task, TaskProvider, TaskStatus, TaskSupport

__all__ = [
    "IDENTIFIER",
    "Task",
    "TaskProvider",
    "TaskStatus",
    "TaskSupport",
    "TasksExtension",
    "wants_task",
]
