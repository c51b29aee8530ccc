"""What a pending execution waits for, seen from outside of the monitor."""

from __future__ import annotations

from mcp_server.words import for_assistants
from monitor.executions import waiting_for
from monitor.records.models import WorkflowExecution
from monitor.records.status import OK, monitor_from_outside


def waits_for(execution: WorkflowExecution) -> str:
    """Say what a pending execution waits for; empty for one that does not wait.

    Runners report to the monitor and take executions from it: without it nobody can tell whether
    any lives, and none can take one.
    """
    text = for_assistants(waiting_for(execution))
    if not text:
        return ""
    web = monitor_from_outside()
    if web["status"] == OK or text.startswith("the message broker"):
        return text
    return f"the monitor: {web['detail']}, nor take executions; `testbed start-local` starts it"
