"""Checks of this host: Python, files, sockets, ports, supervisord, disk."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from orchestrator import ports
from orchestrator.agents import enabled_programs
from orchestrator.doctor.check_result import CheckResult, SameTrouble, error, ok, warning
from orchestrator.services import services_of, supervisor_of_agents, supervisor_of_services
from orchestrator.supervisord.orphans import named_programs_of
from orchestrator.supervisord.supervisor import LONGEST_SOCKET_PATH, Supervisor
from swf_common_lib.config import load_testbed_file
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.findings import FindingCode
from swf_common_lib.settings import Settings

OLDEST, NEWEST = (3, 10), (3, 13)
"""The versions of Python that the tests run on."""
LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 200 * 1024**2
"""Bytes of disk below which there is a warning, and below which the brokers block publishers."""

_DOWN = (
    FindingCode.PROCESS_RESTARTING,
    FindingCode.PROCESS_GIVEN_UP,
    FindingCode.AGENT_DOWN,
    FindingCode.MONITOR_AWAY,
    FindingCode.DATABASE_AWAY,
    FindingCode.BROKER_AWAY,
    FindingCode.INGEST_AWAY,
    FindingCode.MCP_AWAY,
)
"""What the monitor calls a program that does not run."""


def check_python(version: tuple[int, int] | None = None) -> Iterator[CheckResult]:
    """Check this Python's version."""
    found = version or sys.version_info[:2]
    text = f"{found[0]}.{found[1]} ({sys.executable})"
    if found < OLDEST:
        yield error("python", text, "Install Python 3.10 or newer, then: make clean run.")
    elif found > NEWEST:
        remedy = "The tests run on 3.10 to 3.13; go back to one of those if something is odd."
        yield warning("python", text, remedy)
    else:
        yield ok("python", text)


def check_testbed_file(settings: Settings) -> Iterator[CheckResult]:
    """Check testbed.toml and that each enabled agent has a program that runs it."""
    try:
        testbed = load_testbed_file(settings.swf_testbed_config)
        programs = enabled_programs(settings, testbed)
    except ConfigurationError as fault:
        remedy = fault.hint or "Correct it: testbed validate."
        for number, problem in enumerate(fault.problems):
            yield error("testbed.toml", problem, remedy, _broken(settings) if not number else None)
    else:
        detail = f"{testbed.path}: namespace {testbed.namespace}, {len(programs)} programs"
        yield ok("testbed.toml", detail)


def _broken(settings: Settings) -> SameTrouble:
    """Return what the monitor calls a testbed.toml with faults; it tells the first of them."""
    return SameTrouble((FindingCode.CONFIGURATION_BROKEN,), settings.swf_testbed_config.name)


def check_files(settings: Settings) -> Iterator[CheckResult]:
    """Check that the runtime folder is writable, and that only their owner can read secrets."""
    folder = settings.swf_runtime_dir
    if not folder.is_dir():
        yield error("runtime folder", f"there is no {folder}", "Run `testbed init`.")
        return
    faults = list(_file_faults(settings))
    yield from faults
    if not faults:
        yield ok("runtime folder", f"{folder}, for its owner alone")


def _file_faults(settings: Settings) -> Iterator[CheckResult]:
    for folder in (settings.swf_runtime_dir, settings.log_dir):
        if not folder.is_dir():
            yield error("runtime folder", f"there is no {folder}", "Run `testbed init`.")
        elif not os.access(folder, os.W_OK | os.X_OK):
            remedy = f"Work as its owner, or: chown -R $(id -un) {settings.swf_runtime_dir}"
            yield error("runtime folder", f"you may not write to {folder}", remedy)
        # Passing through (0711) is no harm: a database server that runs as another user needs it.
        elif _mode(folder) & (stat.S_IRWXG | stat.S_IRWXO) & ~0o011:
            detail = f"{folder} has mode {_mode(folder):04o}: others may look into it"
            yield error("runtime folder", detail, f"chmod 700 {folder}")
    secrets = (settings.settings_file, settings.token_file, settings.database_file)
    for path in secrets:
        if path.exists() and _mode(path) & 0o077:
            detail = f"{path} has mode {_mode(path):04o}: others may read or change it"
            yield error("runtime folder", detail, f"chmod 600 {path}")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def check_disk(settings: Settings) -> Iterator[CheckResult]:
    """Check the space left where broker and database write."""
    folder = settings.swf_runtime_dir
    while not folder.is_dir():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1024**3:.1f} GiB free for {settings.swf_runtime_dir}"
    remedy = "Make room; `docs/production.md` says what may go and how fast records grow."
    same = SameTrouble((FindingCode.DISK_NEAR_FULL,), socket.gethostname())
    if free < NO_SPACE:
        yield error("disk", detail, remedy, same)
    elif free < LITTLE_SPACE:
        yield warning("disk", detail, remedy, same)
    else:
        yield ok("disk", detail)


def check_sockets(settings: Settings) -> Iterator[CheckResult]:
    """Check that the supervisords' sockets have paths that a socket can have."""
    for supervisor in (supervisor_of_services(settings), supervisor_of_agents(settings)):
        length = len(os.fsencode(supervisor.socket))
        if length > LONGEST_SOCKET_PATH:
            yield error(
                "sockets",
                f"{supervisor.socket} has {length} bytes, at most {LONGEST_SOCKET_PATH} work",
                "Move the checkout to a folder with a shorter path.",
            )
            return
    yield ok("sockets", f"paths of at most {LONGEST_SOCKET_PATH} bytes")


def check_ports(settings: Settings) -> Iterator[CheckResult]:
    """Check that each service's port is its own, or free."""
    supervisor = supervisor_of_services(settings)
    processes = supervisor.processes() if supervisor.alive() else {}
    for service in services_of(settings):
        port = service.port(settings)
        if port is None:
            continue
        name, process = f"port {port}", processes.get(service.name)
        if service.stranger(settings, process, supervisor):
            taken = ports.taken(service.port_setting, port)
            same = SameTrouble((FindingCode.PORT_TAKEN,), service.name)
            yield error(name, taken.detail, taken.hint, same)
        elif process and process.up:
            yield ok(name, f"{service.title} ({service.port_setting})")
        elif ports.is_free(port):
            yield ok(name, f"free for the {service.title} ({service.port_setting})")
        else:
            yield ok(name, f"{service.title}, without its supervisord ({service.port_setting})")


def check_services(settings: Settings) -> Iterator[CheckResult]:
    """Check that the services' supervisord answers and that they run."""
    wanted = [service.name for service in services_of(settings)]
    yield from _check_supervisor(
        "services", supervisor_of_services(settings), wanted, "`testbed start-local` starts it."
    )


def check_programs(settings: Settings) -> Iterator[CheckResult]:
    """Check that the agents' supervisord answers and that what testbed.toml enables runs."""
    try:
        wanted = enabled_programs(settings, load_testbed_file(settings.swf_testbed_config))
    except ConfigurationError:
        return  # reported already
    yield from _check_supervisor(
        "agents", supervisor_of_agents(settings), wanted, "`testbed start-agents` starts them."
    )


def _check_supervisor(
    what: str, supervisor: Supervisor, wanted: list[str], remedy: str
) -> Iterator[CheckResult]:
    name = f"supervisord ({what})"
    if supervisor.pid() is None:
        if left := named_programs_of(supervisor.socket):
            programs = ", ".join(sorted(set(left.values())))
            detail = f"it was killed; {programs} run on, and nobody starts them again"
            same = SameTrouble((FindingCode.SUPERVISORD_AWAY,), what)
            yield error(name, detail, f"{remedy} What runs on is ended first.", same)
        else:
            yield warning(name, "not running", remedy)
        return
    states = _states(supervisor)
    down = [program for program in wanted if states.get(program) != "RUNNING"]
    if not down:
        yield ok(name, f"{', '.join(wanted)} run")
    for program in down:
        state = states.get(program, "no such program")
        remedy_here = f"{remedy} Else: testbed logs {program}."
        yield warning(name, f"{program}: {state}", remedy_here, SameTrouble(_DOWN, program))


def _states(supervisor: Supervisor) -> dict[str, str]:
    if not supervisor.alive():
        return {}
    return {name: process.state for name, process in supervisor.processes().items()}
