"""The state of the testbed as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.answers.remedies import for_assistants
from mcp_server.answers.results import Result
from mcp_server.application import Application
from monitor.diagnosis.queues import (
    consumer_of,
    queue_view,
    start_text,
    unconsumed,
    unconsumed_text,
)
from monitor.diagnosis.services import hanging_broker
from monitor.health.status import ERROR, OK, WARNING, system_status
from orchestrator.queue_depths import QueueReader, Reading
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.connection import SupervisorUnavailable
from swf_common_lib.errors import TestbedError, Unavailable
from swf_common_lib.roles import RUNNER
from swf_common_lib.settings import Settings
from swf_common_lib.text import given

_OF_EXECUTIONS = ("execution_id", "status", "namespace", "run_number")
_ENDED_SHOWN = 3
_UNFINISHED_SHOWN = 20
_PROBLEMS_SHOWN = 20
_DONE = ("completed", "failed", "terminated")


class SystemStatus(Result):
    """State of the testbed as a whole."""

    healthy: bool
    problems: list[dict[str, Any]]
    """What is wrong, where, and what to do next; errors first."""
    services: dict[str, Any]
    runners: list[str]
    """Those that are alive."""
    agents_alive: dict[str, int]
    """By type."""
    processes: dict[str, str] = {}
    """Programs of this host's supervisord with their state; empty where it does not run."""
    executions: list[dict[str, Any]]
    """Unfinished ones, and the last that ended."""
    queues: dict[str, Any] = {}
    """Those of the broker that hold messages."""
    queues_unknown: str | None = None
    """Why the broker does not tell of its queues, and what to do about it."""


async def current_status(application: Application) -> SystemStatus:
    """Give the state of the testbed; a database that is down is part of it."""
    try:
        return await application.database(_status, application.settings, application.queues)
    except Unavailable as error:
        problem = {
            "severity": ERROR,
            "what": f"{error.detail}; of agents and executions nothing can be told meanwhile",
            "where": "database",
            "next": "`testbed start-local` starts it, `testbed doctor` examines it.",
        }
        return SystemStatus(
            healthy=False,
            problems=[problem],
            services={"database": {"status": ERROR, "detail": error.detail}},
            runners=[],
            agents_alive={},
            processes={},
            executions=[],
        )


def _status(settings: Settings, queues: QueueReader) -> SystemStatus:
    found = system_status(from_outside=True)
    alive = [agent for agent in found["agents"] if agent["alive"]]
    alive_types = Counter(agent["agent_type"] for agent in alive)
    processes = _processes(settings)
    reading = queues.read() if found["services"]["broker"]["status"] == OK else Reading()
    problems = [
        {name: for_assistants(text) for name, text in problem.items()}
        for problem in (
            *found["problems"],
            *_dead_processes(processes),
            *_broker_problems(reading, alive_types),
        )
    ]
    problems.sort(key=lambda problem: problem["severity"] != ERROR)
    return SystemStatus(
        healthy=not problems,
        problems=problems[:_PROBLEMS_SHOWN],
        services={
            name: told["detail"] if told["status"] == OK else told
            for name, told in found["services"].items()
        },
        runners=[a["instance_name"] for a in alive if a["agent_type"] == RUNNER.agent_type][:20],
        agents_alive=dict(sorted(alive_types.items())),
        processes=processes,
        executions=_executions(found["executions"]),
        queues=queue_view(reading),
        queues_unknown=reading.unknown or None,
    )


def _executions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    unfinished = [row for row in rows if row["status"] not in _DONE][:_UNFINISHED_SHOWN]
    ended = [row for row in rows if row["status"] in _DONE][:_ENDED_SHOWN]
    return [
        given(
            **{name: row.get(name) for name in _OF_EXECUTIONS},
            waiting_for=for_assistants(row.get("waiting_for", "")),
        )
        for row in unfinished + ended
    ]


def _processes(settings: Settings) -> dict[str, str]:
    try:
        found = supervisor_of_agents(settings).processes()
    except (SupervisorUnavailable, TestbedError, OSError):
        return {}  # nothing was started here; agents may run on another host
    return {name: process.state for name, process in found.items()}


def _dead_processes(processes: dict[str, str]) -> list[dict[str, Any]]:
    return [
        _problem(
            ERROR,
            f"program {name} does not stay up: supervisord has it as {state}",
            name,
            f"get_agent(name={name!r}) shows its last lines.",
        )
        for name, state in processes.items()
        if state in ("FATAL", "BACKOFF")
    ]


def _broker_problems(reading: Reading, alive: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Tell of a broker that hangs, and of messages that wait for agents of which none lives.

    Of commands that wait for a runner nothing: that there is no runner is told already.
    """
    for finding in hanging_broker(reading):
        yield _problem(finding.severity, finding.what, "broker", finding.next)
    for queue, depth in unconsumed(reading):
        consumer = consumer_of(queue)
        if not alive.get(consumer.agent_type) and consumer.agent_type != RUNNER.agent_type:
            then = start_text(consumer.program)
            yield _problem(WARNING, unconsumed_text(queue, depth), queue, then)


def _problem(severity: str, what: str, where: str, then: str) -> dict[str, Any]:
    return {"severity": severity, "what": what, "where": where, "next": then}
