"""Starting and stopping the agents that `testbed.toml` enables, and checking that they listen."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.configuration import Program
from orchestrator.supervisord.orphans import process_is_stopped
from orchestrator.supervisord.process import Process
from orchestrator.supervisord.supervisor import ProgramFailed, Supervisor
from swf_common_lib.config import TestbedFile, load_testbed_file
from swf_common_lib.errors import BrokerUnavailable, ConfigurationError, Conflict, NotFound
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.remedies import Remedy
from swf_common_lib.roles import ROLES, RUNNER
from swf_common_lib.settings import Settings
from swf_common_lib.states import LISTENING, Liveness

REPORT_TIMEOUT = 60.0
"""Seconds that a started agent may take until the monitor knows it as ready."""


def enabled_programs(settings: Settings, testbed: TestbedFile) -> list[str]:
    """Return the programs to start: the runner and those of the agents that are enabled.

    Raises ConfigurationError for an enabled agent whose script no program runs.
    """
    configuration = supervisor_of_agents(settings).configuration
    names, problems = [RUNNER.program], []
    for entry in testbed.agents.values():
        if not entry.enabled:
            continue
        program = _program_running(entry.script, configuration.programs.values())
        if program is None:
            problems.append(
                f"{testbed.path}: [agents.{entry.name}] script = {entry.script!r}: no program of "
                f"{configuration.file.name} runs it"
            )
        elif program.name not in names:
            names.append(program.name)
    if problems:
        raise ConfigurationError(
            problems, f"Correct the script, or add a [program:...] to {configuration.file}."
        )
    return names


def chosen_programs(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return the programs for names as people write them: `data`, `data-agent`, `fast_processing`.

    Raises NotFound for a name that fits none.
    """
    programs = supervisor_of_agents(settings).configuration.programs
    chosen = []
    for name in names:
        program = program_called(name, programs)
        if not program:
            raise NotFound(f"there is no agent {name!r}", f"The agents are: {', '.join(programs)}.")
        chosen.append(program)
    return chosen


def running_programs(settings: Settings, names: Sequence[str] = ()) -> list[str]:
    """Return the agents' programs (all, unless named) that run now. Raises NotFound."""
    wanted = chosen_programs(settings, names)
    supervisor = supervisor_of_agents(settings)
    if not supervisor.alive():
        return []
    active = [name for name, process in supervisor.processes().items() if process.active]
    return [name for name in active if not wanted or name in wanted]


def programs_to_start(settings: Settings, names: Sequence[str] = ()) -> list[str]:
    """Return the programs (all that are enabled, unless named) that would have to be started.

    Raises ConfigurationError, NotFound.
    """
    testbed = load_testbed_file(settings.swf_testbed_config)
    programs = chosen_programs(settings, names) or enabled_programs(settings, testbed)
    running = running_programs(settings)
    return [name for name in programs if name not in running]


def start_agents(
    settings: Settings, names: Sequence[str] = (), give_up: threading.Event | None = None
) -> list[Process]:
    """Start agents (all that are enabled, unless named) and wait until each listens.

    One that runs under another namespace than `testbed.toml` says now is started afresh, which is
    a Conflict while an execution needs it.
    Raises MonitorUnavailable before anything is started, ProgramFailed for one that does not
    live or does not report to the monitor, Conflict in a container of the services, GivenUp
    when ``give_up`` is set before all listen.
    """
    require_host_of_agents(settings, "start-agents")
    testbed = load_testbed_file(settings.swf_testbed_config)
    programs = chosen_programs(settings, names) or enabled_programs(settings, testbed)
    MonitorClient.from_settings(settings).get("status/")  # else readiness is not known
    supervisor = supervisor_of_agents(settings, give_up)
    supervisor.ensure_daemon()
    client = MonitorClient.from_settings(settings, patience=10.0, stop=give_up)
    _stop_those_of_other_namespaces(supervisor, client, programs, testbed.namespace)
    for name in programs:
        supervisor.start(name)
    return _await_listening(supervisor, client, programs)


def stop_agents(
    settings: Settings, names: Sequence[str] = (), give_up: threading.Event | None = None
) -> list[str]:
    """Stop agents (all, unless named) and return the names of those that ran.

    Raises Conflict in a container of the services, GivenUp when ``give_up`` is set before all
    have ended.
    """
    require_host_of_agents(settings, "stop-agents")
    supervisor = supervisor_of_agents(settings, give_up)
    stopping = running_programs(settings, names)
    if RUNNER.program in stopping:
        # First: it ends its executions properly while agents still listen.
        supervisor.stop(RUNNER.program)
    if stopping:
        supervisor.stop(*(name for name in stopping if name != RUNNER.program))
    return stopping


def require_host_of_agents(settings: Settings, command: str) -> None:
    """Raise Conflict in a container of the services."""
    if settings.swf_services == "container":
        raise Conflict(
            "agents do not run in the containers of the services, and cannot be reached from there",
            f"On the host of the agents: testbed {command}.",
        )


def _program_running(script: str, programs: Iterable[Program]) -> Program | None:
    return next((program for program in programs if program.runs(script)), None)


def program_called(name: str, programs: Collection[str]) -> str:
    """Return which of ``programs`` people mean by ``name``; empty when it is not clear.

    They say a program's name or an agent's type, or leave out the beginning: `runner`.
    """
    plain = name.replace("_", "-").lower()
    role = ROLES.get(plain.replace("-", "_"))
    for candidate in (plain, role.program if role else "", f"{plain}-agent"):
        if candidate in programs:
            return candidate
    ending = [program for program in programs if plain and program.endswith(f"-{plain}")]
    return ending[0] if len(ending) == 1 else ""


def _records_by_pid(client: MonitorClient) -> dict[int, dict[str, Any]]:
    """Return the monitor's records of this host's agents by process id, the latest of each."""
    records: list[dict[str, Any]] = client.get("systemagents/", limit=1000)
    here = [record for record in records if record.get("hostname") == socket.gethostname()]
    by_age = sorted(here, key=lambda record: record.get("last_heartbeat") or "")
    return {record["pid"]: record for record in by_age if record.get("pid")}


def _stop_those_of_other_namespaces(
    supervisor: Supervisor, client: MonitorClient, programs: list[str], namespace: str
) -> None:
    processes = supervisor.processes()
    if not any(processes[name].up for name in programs):
        return
    records = _records_by_pid(client)
    strangers = []
    for name in programs:
        record = records.get(processes[name].pid)
        if record and record.get("namespace") and record["namespace"] != namespace:
            strangers.append(name)
    _require_idle(client, [records[processes[name].pid] for name in strangers])
    supervisor.stop(*strangers)


def _require_idle(client: MonitorClient, agents: Sequence[dict[str, Any]]) -> None:
    """Raise Conflict while an execution runs that agents of ``agents`` work for.

    An agent that is stopped gives up its subscription: a run in progress would lose messages.
    """
    if not agents:
        return
    namespaces = {agent["namespace"] for agent in agents}
    names = {agent["instance_name"] for agent in agents}
    active = [
        execution["execution_id"]
        for execution in client.get("workflow-executions/", status="running,paused", limit=1000)
        if execution["namespace"] in namespaces or execution["runner"] in names
    ]
    if active:
        raise Conflict(
            f"the agents that run belong to namespace {', '.join(sorted(namespaces))}, where "
            f"{', '.join(active[:5])} is not over: to start them under the namespace of "
            "testbed.toml would stop them, and lose its messages",
            "Wait for its end or stop it, then start the agents again; or restore the namespace in "
            "testbed.toml.",
        )


def _require_broker(client: MonitorClient, waiting: str) -> None:
    """Raise BrokerUnavailable when agents cannot start because the broker is away."""
    broker = client.get("status/").get("services", {}).get("broker", {})
    if broker.get("status") == "error":
        raise BrokerUnavailable(
            f"{waiting}: started, but waiting for the broker: {broker.get('detail')}",
            "`testbed start-local` starts it; the agents go on as soon as it is there.",
        )


def _listens(record: Mapping[str, Any]) -> bool:
    """Return whether the monitor's record says that an agent lives and hears the broker."""
    return (
        record.get("liveness") == Liveness.ALIVE
        and record.get("operational_state") in LISTENING
        and record.get("mq_connected") is not False
    )


def _require_awake(processes: Sequence[Process]) -> None:
    """Raise Conflict for a process that was stopped by a signal: no start wakes it."""
    frozen = [process.name for process in processes if process_is_stopped(process.pid)]
    if frozen:
        raise Conflict(
            f"{', '.join(frozen)}: frozen by a signal (SIGSTOP), so it hears nothing",
            f"Stop it first, then start it: testbed stop-agents {' '.join(frozen)}.",
            Remedy.RESTART_AGENTS,
            {"programs": ", ".join(frozen)},
        )


def _await_listening(
    supervisor: Supervisor, client: MonitorClient, programs: list[str]
) -> list[Process]:
    deadline = time.monotonic() + REPORT_TIMEOUT
    while True:
        processes = [supervisor.check_living(name) for name in programs]
        records = _records_by_pid(client)
        silent = [
            process
            for process in processes
            if not (process.running and _listens(records.get(process.pid, {})))
        ]
        _require_awake(processes)
        if not silent:
            _require_broker(client, ", ".join(programs))
            return processes
        names = ", ".join(process.name for process in silent)
        if all(process.running for process in processes):
            _require_broker(client, names)
        if time.monotonic() > deadline:
            raise ProgramFailed(
                f"{names}: alive, but not reported ready to the monitor within "
                f"{REPORT_TIMEOUT:g} s. The last lines of {silent[0].name}:\n"
                f"{silent[0].last_lines()}",
                f"See `testbed logs {silent[0].name}`.",
                Remedy.READ_LOG,
                {"agent": silent[0].name},
            )
        supervisor.pause(f"{names} to listen", 0.1)
