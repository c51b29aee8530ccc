"""Prompts: how to go about what people ask for most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS
from pydantic import Field

from mcp_server.answers.error_text import fault_lines, short_name
from mcp_server.answers.time_range import check_time_range
from mcp_server.application import Application
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import InvalidRequest

_LONGEST, _LONGEST_GOAL = 250, 4_000
"""Characters of an argument: what a prompt gives back is read by an assistant."""

Goal = Annotated[str, Field(description="What somebody wants to know or to try.")]
Namespace = Annotated[str, Field(description="Only in this namespace; empty: the default.")]
Execution = Annotated[str, Field(description="An execution's id.")]
Since = Annotated[str, Field(description="Begin of the shift: ISO 8601, or -8h.")]


def add_prompts(server: MCPServer[Application]) -> None:
    """Add the prompts to ``server``."""

    @server.prompt(title="Plan and run a workflow")
    def plan_and_run_workflow(goal: Goal, namespace: Namespace = "") -> str:
        """From what somebody wants to learn to a finished run and its numbers."""
        where = f" in namespace {namespace}" if namespace else ""
        return (
            f"Run a workflow of the testbed{where} for this goal: {goal}\n"
            "1. get_system_status. Where its findings are errors, do first what their `next` says; "
            "notes need nothing.\n"
            "2. list_workflow_definitions, then get_workflow_definition of the one that fits; "
            "choose the few parameters that the goal needs, and tell me your choice and why.\n"
            "3. validate_workflow_config with them; mend every fault it names.\n"
            "4. start_workflow with an idempotency_key of your own, then wait_for_workflow "
            "(include_processing=true) until finished.\n"
            "5. get_statistics of the execution. Report: outcome, STF files, slices, whether the "
            "workers kept up, and what would make them keep up. If it failed or hangs: "
            "diagnose_execution."
        )

    @server.prompt(title="Diagnose a failed execution")
    def diagnose_failed_execution(execution_id: Execution) -> str:
        """Find the cause of a failure, and what to do about it."""
        return (
            f"Find out what went wrong with execution {execution_id} of the testbed.\n"
            "1. diagnose_execution: take its findings in their order; one with symptom_of follows "
            "from another.\n"
            "2. Confirm the first cause by what it names: get_agent, list_logs (level=ERROR), "
            "list_messages of the execution (the last step that worked), or the stack trace "
            "(get_workflow_execution, format=detailed).\n"
            "3. Tell me cause, evidence and remedy in a few sentences. Change nothing (start, "
            "stop, send) before I agree."
        )

    @server.prompt(title="Compare two executions")
    def compare_two_executions(first: Execution, second: Execution) -> str:
        """Explain why two executions went differently."""
        return (
            f"Compare the executions {first} and {second} of the testbed.\n"
            "1. compare_executions. 2. get_statistics of both where slices differ. "
            "3. Which differences in configuration or source explain those in counts, timings and "
            "outcome? Keep apart what is measured from what you conclude; name differences that "
            "explain nothing as well."
        )

    @server.prompt(title="Shift report")
    def shift_report(since: Since = "-8h", namespace: Namespace = "") -> str:
        """Sum up what happened during a shift."""
        only = f" and namespace={namespace}" if namespace else ""
        return (
            f"Write the shift report of the testbed since {since}"
            f"{f' for namespace {namespace}' if namespace else ''}.\n"
            f"1. get_statistics with since={since}{only}. "
            f"2. list_workflow_executions with since={since}{only}; diagnose_execution for each "
            "that failed. 3. get_system_status. "
            f"4. list_logs with level=ERROR and since={since}.\n"
            "Report in this order: what needs a hand now; runs taken, with counts; failures, "
            "each with cause and remedy; what the next shift has to watch. Half a page."
        )


async def checked_arguments(
    server: MCPServer[Application], name: str, arguments: Mapping[str, Any] | None
) -> None:
    """Raise MCPError for wrong arguments or an unknown name, and name the nearest known one."""
    prompts = {prompt.name: prompt for prompt in await server.list_prompts()}
    if name not in prompts:
        said = f"there is no prompt '{short_name(name)}'; {_meant(name, prompts)}"
        raise MCPError(INVALID_PARAMS, said)
    known = {argument.name: argument for argument in prompts[name].arguments or ()}
    given = dict(arguments or {})
    if unknown := [one for one in given if one not in known]:
        said = fault_lines(
            unknown,
            lambda one: f"prompt {name} has no argument '{short_name(one)}'; {_meant(one, known)}",
        )
        raise MCPError(INVALID_PARAMS, said)
    faults = [
        f"prompt {name}: {one} has {len(str(value))} characters; it may have {_longest(one)}"
        for one, value in given.items()
        if len(str(value)) > _longest(one)
    ]
    faults += [
        f"prompt {name} needs the argument '{one.name}'"
        for one in known.values()
        if one.required and not str(given.get(one.name) or "").strip()
    ]
    if not faults and given.get("since"):
        try:
            check_time_range({"since": str(given["since"])})
        except InvalidRequest as error:
            faults.append(f"prompt {name}: {error}")
    if faults:
        raise MCPError(INVALID_PARAMS, "\n".join(faults))


def _meant(name: str, known: Mapping[str, Any]) -> str:
    return did_you_mean(short_name(name), known)


def _longest(argument: str) -> int:
    return _LONGEST_GOAL if argument == "goal" else _LONGEST
