"""The state of the whole: services, agents, executions, and what is wrong with them."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.utils import timezone

from monitor.executions import sweeper_heartbeat as sweeping
from monitor.executions.announcer import announcer
from monitor.executions.wait_text import wait_text
from monitor.executions.waiting import ALIVE_FOR, Wait, WaitKind, waiting_for
from monitor.health.stopped_agents import stopped_agents
from monitor.records.models import RunState, SystemAgent, WorkflowExecution
from monitor.records.states import ACTIVE, TERMINAL, ExecutionStatus, RunPhase
from swf_common_lib.config import load_testbed_file
from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.roles import RUNNER

OK, WARNING, ERROR = "ok", "warning", "error"
LATEST = 10
"""Ended executions that are shown."""
UNFINISHED = 50
SEEN_WITHIN = timedelta(hours=24)
"""Agents silent for longer are history."""
SLOW_LAG = 10.0
"""Seconds that ingest may be behind before that is a problem."""
_INGEST = "ingest"
_PARTS = (_INGEST, sweeping.AGENT_TYPE)
"""Types of what is part of the monitor itself, and is no agent for who asks for agents."""

Problem = dict[str, str]


def system_status(*, from_outside: bool = False) -> dict[str, Any]:
    """Give services, agents, executions, and problems: what, where, and what to do next.

    ``from_outside``: it is not the monitor itself that asks, so that may be down.
    Raises django.db.Error when the database does not answer: then nothing is known.
    """
    now = timezone.now()
    rows = SystemAgent.objects.filter(last_heartbeat__gte=now - SEEN_WITHIN)
    agents = [
        _agent(row, now) for row in rows.exclude(agent_type__in=_PARTS).order_by("instance_name")
    ]
    services = service_status(from_outside=from_outside)
    executions = _executions()
    heard = not from_outside or services["web"]["status"] == OK
    problems = [
        *_service_problems(services),
        *_testbed_problems(),
        # Agents report to the monitor: while it is away, nobody knows whether they live.
        *(_agent_problems(agents, services["broker"]["status"] == OK) if heard else ()),
        *(_stopped_agents() if heard else ()),
        *(_execution_problems(executions, now) if heard else ()),
        *(_sweeper_problems(now) if heard else ()),
        *run_problems(),
    ]
    return {
        "services": services,
        "agents": agents,
        "executions": [_as_json(execution, heard) for execution in executions],
        "problems": problems,
    }


def service_status(*, from_outside: bool = False) -> dict[str, dict[str, Any]]:
    """Give how database, broker, ingest, web and MCP stand: ``status`` and ``detail`` of each."""
    address = settings.TESTBED.swf_monitor_url
    web = monitor_from_outside() if from_outside else _address(address)
    ingest = SystemAgent.objects.filter(agent_type=_INGEST).exclude(last_heartbeat=None)
    return {
        "database": _database(),
        "broker": _broker(),
        "ingest": _ingest(ingest.order_by("-last_heartbeat").first(), timezone.now()),
        "web": web,
        "mcp": _address(settings.TESTBED.swf_mcp_url),
    }


def monitor_from_outside() -> dict[str, Any]:
    """Give how the monitor's own process stands, as another process sees it."""
    told = _address(settings.TESTBED.swf_monitor_url)
    if told["status"] == OK:
        return told
    detail = f"the monitor is down ({told['detail']}): runners and agents cannot report to it"
    return {"status": ERROR, "detail": detail}


def _database() -> dict[str, Any]:
    version = ".".join(str(part) for part in connection.get_database_version())
    detail = f"{connection.display_name} {version}"
    if settings.TESTBED.swf_database_url:
        detail += f": {parse_database_url(settings.TESTBED.swf_database_url)}"
    return {"status": OK, "detail": detail}


def _broker() -> dict[str, Any]:
    bus = announcer().status()
    where = announcer().address
    if bus.connected:
        return {"status": OK, "detail": where, "unconfirmed": bus.unconfirmed}
    return {"status": ERROR, "detail": bus.detail or f"{where} does not answer"}


def _ingest(row: SystemAgent | None, now: datetime) -> dict[str, Any]:
    if row is None or row.last_heartbeat is None:
        return {"status": ERROR, "detail": "it has never reported"}
    age = (now - row.last_heartbeat).total_seconds()
    told = {"heartbeat_age_seconds": round(age, 1), **row.metadata}
    if row.operational_state == SystemAgent.OperationalState.EXITED:
        return {"status": ERROR, "detail": "it has ended", **told}
    if age > ALIVE_FOR.total_seconds():
        return {"status": ERROR, "detail": f"no heartbeat for {age:.0f} s", **told}
    lag = row.metadata.get("lag_seconds")
    if row.status != SystemAgent.Status.OK or (isinstance(lag, int | float) and lag > SLOW_LAG):
        behind = f", {lag:.0f} s behind" if isinstance(lag, int | float) and lag > SLOW_LAG else ""
        return {"status": WARNING, "detail": f"{row.description}{behind}", **told}
    return {"status": OK, "detail": row.description, **told}


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname, port), timeout=0.2):
            return {"status": OK, "detail": url}
    except OSError:
        where = f"port {port}" if parts.hostname == "127.0.0.1" else f"{parts.hostname}:{port}"
        return {"status": WARNING, "detail": f"nothing listens on {where}"}


def _agent(row: SystemAgent, now: datetime) -> dict[str, Any]:
    age = None if row.last_heartbeat is None else (now - row.last_heartbeat).total_seconds()
    exited = row.operational_state == SystemAgent.OperationalState.EXITED
    alive = not exited and age is not None and age < ALIVE_FOR.total_seconds()
    return {
        "instance_name": row.instance_name,
        "agent_type": row.agent_type,
        "namespace": row.namespace,
        "status": row.status,
        "operational_state": row.operational_state,
        "alive": alive,
        "heartbeat_age_seconds": None if age is None else round(age, 1),
        "mq_connected": row.mq_connected,
        "pid": row.pid,
        "hostname": row.hostname,
        "description": row.description,
    }


def _executions() -> list[WorkflowExecution]:
    rows = WorkflowExecution.objects.select_related("workflow_definition").order_by(
        "-created_at", "-execution_id"
    )
    # Parameters and code are large, and nobody looks at them here.
    rows = rows.defer("parameter_values", "source", "workflow_definition__definition")
    unfinished = rows.filter(status__in=[ExecutionStatus.PENDING, *ACTIVE])[:UNFINISHED]
    ended = rows.filter(status__in=TERMINAL)[:LATEST]
    return [*unfinished, *ended]


def _as_json(execution: WorkflowExecution, heard: bool) -> dict[str, Any]:
    answer = {
        "execution_id": execution.execution_id,
        "status": execution.status,
        "status_reason": execution.status_reason,
        "workflow_name": execution.workflow_name,
        "namespace": execution.namespace,
        "executed_by": execution.executed_by,
        "runner": execution.runner,
        "run_number": execution.run_number,
        "created_at": _iso(execution.created_at),
        "start_time": _iso(execution.start_time),
        "end_time": _iso(execution.end_time),
    }
    if execution.status == ExecutionStatus.PENDING:
        wait = waiting_for(execution) if heard else Wait(WaitKind.MONITOR)
        answer["waiting_for"] = wait_text(wait)
    return answer


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _problem(severity: str, what: str, where: str, then: str) -> Problem:
    return {"severity": severity, "what": what, "where": where, "next": then}


_REMEDIES = {
    "broker": "`testbed start-local` starts it; `testbed logs broker` says why it ended.",
    "ingest": "`testbed start-local` starts it; `testbed logs ingest` says why it ended. Nothing"
    " is lost meanwhile: the broker keeps the messages.",
    "web": "`testbed start-local` starts it; `testbed logs web` says why it ended.",
    "mcp": "`testbed start-local` starts it, if assistants are to use it.",
}


def _service_problems(services: dict[str, dict[str, Any]]) -> list[Problem]:
    return [
        _problem(told["status"], f"{name}: {told['detail']}", name, _REMEDIES.get(name, ""))
        for name, told in services.items()
        if told["status"] != OK
    ]


def _testbed_problems() -> list[Problem]:
    try:
        load_testbed_file(settings.TESTBED.swf_testbed_config)
    except ConfigurationError as error:
        what = f"nothing can be started: {'; '.join(error.problems)}"
        return [_problem(ERROR, what, settings.TESTBED.swf_testbed_config.name, error.hint)]
    return []


def _agent_problems(agents: list[dict[str, Any]], broker_up: bool) -> list[Problem]:
    problems = []
    if not any(agent["alive"] and agent["agent_type"] == RUNNER.agent_type for agent in agents):
        problems.append(
            _problem(
                WARNING,
                "no workflow runner is alive: nothing that is started will run",
                RUNNER.program,
                "`testbed start-agents` starts it.",
            )
        )
    exited = SystemAgent.OperationalState.EXITED
    alive_types = {(a["agent_type"], a["namespace"]) for a in agents if a["alive"]}
    for agent in agents:
        name, age = agent["instance_name"], agent["heartbeat_age_seconds"]
        succeeded = (agent["agent_type"], agent["namespace"]) in alive_types
        if not agent["alive"] and agent["operational_state"] != exited and not succeeded:
            problems.append(
                _problem(
                    WARNING,
                    f"agent {name} has been silent for {age:.0f} s without saying good-bye",
                    name,
                    "`testbed status` tells whether its process lives, `testbed logs` why not.",
                )
            )
        elif not broker_up and agent["mq_connected"] is False:
            continue  # it waits for the broker, which is a problem of its own
        elif agent["alive"] and agent["status"] in (
            SystemAgent.Status.ERROR,
            SystemAgent.Status.WARNING,
        ):
            problems.append(
                _problem(
                    WARNING,
                    f"agent {name} reports {agent['status']}: {agent['description']}",
                    name,
                    "Its log says more: testbed logs.",
                )
            )
    return problems


def _stopped_agents() -> list[Problem]:
    then = "`testbed start-agents` starts it."
    return [
        _problem(WARNING, f"{program} does not run: {effect}", program, then)
        for program, effect in stopped_agents()
    ]


def _execution_problems(executions: list[WorkflowExecution], now: datetime) -> list[Problem]:
    problems = []
    for execution in executions:
        name = execution.execution_id
        if execution.status == ExecutionStatus.PENDING:
            waited = (now - execution.created_at).total_seconds()
            if waited > 2 and (reason := wait_text(waiting_for(execution))):
                problems.append(
                    _problem(
                        WARNING,
                        f"{name} has been pending for {waited:.0f} s, waiting for {reason}",
                        name,
                        "It goes on when that is there; `testbed stop-workflow` ends it.",
                    )
                )
        elif execution.status in ACTIVE and _is_overdue(execution, now):
            problems.append(
                _problem(
                    WARNING,
                    f"{name}: its runner {execution.runner} stopped renewing its lease",
                    name,
                    "It is ended within seconds unless the runner comes back.",
                )
            )
    return problems


def _sweeper_problems(now: datetime) -> list[Problem]:
    quiet = sweeping.quiet_for(now)
    if quiet is None:
        return []
    return [
        _problem(
            ERROR,
            f"the sweeper has not looked for {quiet.total_seconds():.0f} s: nobody ends executions"
            " whose runner is gone, or announces again what no runner heard",
            "web",
            "`testbed logs web` says why; `testbed stop-local` and `testbed start-local` begin"
            " anew.",
        )
    ]


def run_problems() -> list[Problem]:
    """Tell of slices that no worker will ever take: their run was never announced."""
    waiting = RunState.objects.filter(phase=RunPhase.IMMINENT, slices_queued__gt=0)
    return [
        _problem(
            WARNING,
            f"{state.slices_queued} slices of run {state.run_number} wait, but that run was never"
            " started: nobody calls workers for it",
            f"run {state.run_number}",
            "If its number is a mistake, correct whoever registered them; a run_imminent message"
            " with that run_id calls workers.",
        )
        for state in waiting.order_by("run_number")[:UNFINISHED]
    ]


def _is_overdue(execution: WorkflowExecution, now: datetime) -> bool:
    return execution.lease_expires_at is not None and execution.lease_expires_at < now
