"""A call of every tool of the production server, through the Inspector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.conformance.inspector import Inspector

Calls = dict[str, Mapping[str, Any]]


def call_every_tool(inspectors: Sequence[Inspector]) -> dict[str, int]:
    """Call every tool that is listed, with all the inspectors at once; give how many, by era.

    Raises AssertionError for a call that fails, and for a tool that is listed and not called here.
    """
    with ThreadPoolExecutor() as threads:
        called = list(threads.map(lambda one: list(_used(one)), inspectors))
    for inspector, names in zip(inspectors, called, strict=True):
        inspector.call("stop_agents", {})
        difference = {"stop_agents", *names} ^ set(inspector.tools())
        assert not difference, f"called here or listed, not both: {difference}"
    return {one.era: 1 + len(names) for one, names in zip(inspectors, called, strict=True)}


def _used(inspector: Inspector) -> Iterator[str]:
    """Use the testbed: agents, a run to its end, one that is stopped, and all that shows them."""

    def use(tool: str, **arguments: Any) -> dict[str, Any]:
        return inspector.call(tool, arguments)

    use("start_agents")
    yield "start_agents"
    done = use("start_workflow", workflow="stf_datataking", stf_count=2)["execution_id"]
    yield "start_workflow"
    standing = use("wait_for_workflow", execution_id=done, timeout_s=60, include_processing=True)
    assert standing["finished"], standing
    yield "wait_for_workflow"
    halted = use("start_workflow", workflow="stf_datataking", realtime=True)["execution_id"]
    use("wait_for_workflow", execution_id=halted, timeout_s=1)
    for tool in ("pause_workflow", "resume_workflow", "stop_workflow"):
        use(tool, execution_id=halted)
        yield tool
    use("send_message", **_NOTE)
    yield "send_message"
    task = use("run_workflow", workflow="stf_datataking", parameters={"stf_count": 1})
    assert task["finished"], task
    yield "run_workflow"
    run = use("get_workflow_execution", execution_id=done)["run_number"]
    message = use("list_messages", limit=1)["items"][0]["id"]
    agent = use("list_agents", limit=1)["items"][0]["name"]
    for tool, _ in inspector.call_all(_looks(done, halted, run, message, agent)):
        yield tool


_NOTE: Mapping[str, Any] = {
    "message_type": "note",
    "content": {"text": "from the Inspector"},
}


def _looks(done: str, halted: str, run: int, message: int, agent: str) -> Calls:
    """Return a call of every tool that only reads."""
    return {
        "compare_executions": {"a": done, "b": halted},
        "diagnose_execution": {"execution_id": halted},
        "get_agent": {"name": agent},
        "get_message": {"id": message},
        "get_run": {"run_number": run},
        "get_statistics": {"execution_id": done},
        "get_system_status": {},
        "get_workflow_definition": {"workflow": "stf_datataking"},
        "get_workflow_execution": {"execution_id": done},
        "list_agents": {},
        "list_logs": {},
        "list_messages": {"execution_id": done},
        "list_namespaces": {},
        "list_runs": {},
        "list_stf_files": {"run_number": run},
        "list_tf_slices": {"run_number": run},
        "list_workflow_definitions": {},
        "list_workflow_executions": {},
        "validate_workflow_config": {"workflow": "stf_datataking"},
    }
