"""Wishes to know something of runs that are over, or go on."""

from __future__ import annotations

from tests.evals.session import Session
from tests.evals.task import State, Task


async def _status(s: Session, _: State) -> None:
    await s.call("get_system_status")


async def _going(s: Session, _: State) -> None:
    await s.call("list_workflow_executions", status="running,paused,pending")


async def _kept_up(s: Session, given: State) -> None:
    await s.call("get_workflow_execution", execution_id=given["fast"])


async def _statistics(s: Session, given: State) -> None:
    await s.call("get_statistics", execution_id=given["wide"])


async def _failures(s: Session, _: State) -> None:
    await s.call("list_workflow_executions", status="failed", since="-1h")


async def _who_stopped(s: Session, given: State) -> None:
    await s.call("get_workflow_execution", execution_id=given["stopped"])


async def _files(s: Session, given: State) -> None:
    await s.call("list_stf_files", run_number=given["plain_run"])


async def _slices(s: Session, given: State) -> None:
    await s.call("list_tf_slices", run_number=given["fast_run"], limit=1)


async def _run(s: Session, given: State) -> None:
    await s.call("get_run", run_number=given["fast_run"])


async def _flow(s: Session, given: State) -> None:
    await s.call(
        "list_messages",
        execution_id=given["plain"],
        message_type="run_imminent,start_run,end_run,stf_gen",
    )


async def _first_message(s: Session, given: State) -> None:
    found = await s.call(
        "list_messages", execution_id=given["fast"], message_type="stf_gen", limit=1
    )
    await s.call("get_message", id=found["items"][0]["id"])


async def _paging(s: Session, given: State) -> None:
    first = await s.call("list_messages", execution_id=given["fast"], limit=10)
    await s.call("list_messages", execution_id=given["fast"], limit=10, cursor=first["next_cursor"])


async def _compare(s: Session, given: State) -> None:
    await s.call("compare_executions", a=given["fast"], b=given["wide"])


async def _agent(s: Session, given: State) -> None:
    await s.call("get_agent", name=given["data_agent"])


async def _agents(s: Session, _: State) -> None:
    await s.call("list_agents")


async def _namespaces(s: Session, _: State) -> None:
    await s.call("list_namespaces")


async def _shift(s: Session, _: State) -> None:
    await s.call("get_statistics", since="-1h")
    await s.call("list_workflow_executions", since="-1h")


async def _parameters(s: Session, _: State) -> None:
    await s.call("get_workflow_definition", workflow="stf_datataking")


async def _misspelt(s: Session, given: State) -> None:
    refused = await s.call("get_workflow_execution", execution_id=given["fast"].upper())
    assert given["fast"] in refused["refused"], refused
    await s.call("get_workflow_execution", execution_id=given["fast"])


async def _wrong_filter(s: Session, given: State) -> None:
    refused = await s.call("list_workflow_executions", state="failed")
    assert "status" in refused["refused"], refused
    await s.call("list_workflow_executions", status="failed")


async def _why_failed(s: Session, given: State) -> None:
    await s.call("diagnose_execution", execution_id=given["broken"])


async def _why_refused(s: Session, given: State) -> None:
    await s.call("diagnose_execution", execution_id=given["excessive"])
    found = await s.call("get_workflow_definition", workflow="magnet")
    assert found["parameters"], found


async def _why_lacking(s: Session, given: State) -> None:
    await s.call("diagnose_execution", execution_id=given["lacking"])


async def _stack_trace(s: Session, given: State) -> None:
    await s.call("get_workflow_execution", execution_id=given["broken"], format="detailed")


async def _log(s: Session, given: State) -> None:
    await s.call("list_logs", execution_id=given["broken"], level="ERROR")


async def _more_workers(s: Session, given: State) -> None:
    await s.call("diagnose_execution", execution_id=given["few"])


LOOKING = (
    Task("health", "Is the testbed healthy?", _status, ("healthy", "workflow_runner")),
    Task(
        "what runs",
        "Which executions are running or waiting?",
        _going,
        ("{going}", "running"),
        most_calls=1,
    ),
    Task(
        "did workers keep up",
        "Did the workers of {fast} keep up? How many would have?",
        _kept_up,
        ("completed", "205", "75"),
        most_calls=1,
    ),
    Task(
        "enough workers",
        "How many slices did {wide} make, how many were finished, and did its workers keep up?",
        _statistics,
        ("30", "205", '"enough_workers":true'),
        most_calls=1,
    ),
    Task("failures", "What failed in the last hour?", _failures, ("{broken}", "K too warm"), 1),
    Task("who stopped it", "Who stopped {stopped}, and why?", _who_stopped, ("beam lost",), 1),
    Task(
        "files of a run",
        "Which STF files has run {plain_run}, and were all processed?",
        _files,
        (".stf", "processed", '"total":3'),
        most_calls=1,
    ),
    Task(
        "slices of a run",
        "How many slices has run {fast_run}, and who worked on the first one?",
        _slices,
        ('"total":75', "worker"),
        most_calls=1,
    ),
    Task("a run", "What is known of run {fast_run}?", _run, ("{fast}", "completed", "75"), 1),
    Task(
        "order of messages",
        "In which order did {plain} announce its run, its files and the end?",
        _flow,
        ("run_imminent", "start_run", "stf_gen", "end_run"),
        most_calls=1,
    ),
    Task(
        "a whole message",
        "Show me the whole message of the first STF of {fast}.",
        _first_message,
        ("stf_gen", "filename", "sequence", "{fast}"),
    ),
    Task("many messages", "Go through all messages of {fast}.", _paging, ("next_cursor",), 2),
    Task(
        "difference of two",
        "What was different between {fast} and {wide}?",
        _compare,
        ("target_worker_count", "30", "225", "stf_count"),
        most_calls=1,
    ),
    Task(
        "an agent",
        "What is {data_agent} doing, and where does it run?",
        _agent,
        ("{data_agent}", "READY", "data-agent"),
        most_calls=1,
    ),
    Task(
        "who is alive",
        "Which agents are alive?",
        _agents,
        ("{data_agent}", "fastmon", "worker"),
        most_calls=1,
    ),
    Task("namespaces", "Who uses which namespace?", _namespaces, ("{namespace}", "maria"), 1),
    Task(
        "shift report",
        "What happened in the last hour: runs, files, failures?",
        _shift,
        ("{broken}", "{stopped}", "{fast}", "stf_files"),
    ),
    Task(
        "parameters",
        "What can I set for stf_datataking, and what are the defaults?",
        _parameters,
        ("stf_interval", "slice_processing_time", "target_worker_count", "default"),
        most_calls=1,
    ),
    Task("id misspelt", "How is {fast} doing? (in capitals)", _misspelt, ("completed",), 2),
    Task("filter misspelt", "List failed ones, by state.", _wrong_filter, ("{broken}",), 2),
    Task(
        "why it failed",
        "Why did {broken} fail, and where in the code?",
        _why_failed,
        ("workflow_raised", "4 K too warm", "cooling.py"),
        most_calls=1,
    ),
    Task(
        "configuration error",
        "Why did {excessive} fail, and what is that parameter by default?",
        _why_refused,
        ("configuration_unusable", "magnet.voltage = 400: at most 60 V", "48", "start_workflow"),
    ),
    Task(
        "parameter missing",
        "Why did {lacking} fail?",
        _why_lacking,
        ("configuration_unusable", "'ramp'", "magnet.py", "get_workflow_definition"),
        most_calls=1,
    ),
    Task(
        "stack trace",
        "Show me the stack trace of {broken}.",
        _stack_trace,
        ("Traceback", "RuntimeError"),
        most_calls=1,
    ),
    Task("errors in the log", "What was logged as an error of {broken}?", _log, ("cooling",), 1),
    Task(
        "too few workers",
        "Why did the backlog of {few} grow, and what would help?",
        _more_workers,
        ("workers_too_few", "205", "target_worker_count"),
        most_calls=1,
    ),
)
"""After some runs."""
