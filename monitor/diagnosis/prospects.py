"""What an execution waits for, seen from outside of the monitor."""

from __future__ import annotations

from mcp_server.answers.remedies import for_assistants
from monitor.diagnosis.steps import steps_of
from monitor.executions import WaitKind, wait_text, waiting_for
from monitor.executions.waiting import live_agents
from monitor.health.status import OK, monitor_from_outside
from monitor.records.models import WorkflowExecution
from swf_common_lib.roles import RUNNER


def waits_for(execution: WorkflowExecution) -> str:
    """Say what a pending execution waits for; empty for one that does not wait.

    Runners report to the monitor and take executions from it: without it nobody can tell whether
    any lives, and none can take one.
    """
    wait = waiting_for(execution)
    if wait is None:
        return ""
    web = monitor_from_outside()
    if web["status"] == OK or wait.kind is WaitKind.BROKER:
        return for_assistants(wait_text(wait))
    return f"the monitor: {web['detail']}, nor take executions; `testbed start-local` starts it"


def nobody_works_in(namespace: str) -> str:
    """Say that a namespace has no agents while another has; empty where it has, or none has."""
    agents = live_agents().exclude(agent_type=RUNNER.agent_type).exclude(namespace="")
    others = sorted(set(agents.values_list("namespace", flat=True)))
    if not others or namespace in others:
        return ""
    return (
        f"no agent is up in namespace {namespace}: its messages are recorded, and nobody works on "
        f"them. Agents are up in {', '.join(others[:5])}: start it there to have it processed."
    )


def unserved(execution: WorkflowExecution) -> str:
    """Say which agents that the execution's steps need are not up in its namespace, if any."""
    if text := nobody_works_in(execution.namespace):
        return text
    if not live_agents().exists() or monitor_from_outside()["status"] != OK:
        return ""  # it waits for a runner, agents may be started with that; or nobody knows of any
    here = live_agents().filter(namespace=execution.namespace)
    there = set(here.values_list("agent_type", flat=True))
    absent = [step for step in steps_of(execution, None) if step.agent_type not in there]
    if not absent:
        return ""
    types = ", ".join(step.agent_type for step in absent)
    programs = ", ".join(f'"{step.program}"' for step in absent)
    return (
        f"no agent of type {types} is up in namespace {execution.namespace}, and this workflow "
        f"needs it: start_agents(agents=[{programs}]). What is broadcast before is not repeated."
    )
