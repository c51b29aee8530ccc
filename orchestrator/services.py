"""The services of one machine: their order, when each is ready, starting and stopping them."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from orchestrator import ports
from orchestrator.listeners import Stranger, stranger_on
from orchestrator.servers.postgres import Postgres
from orchestrator.supervisord.process import Process
from orchestrator.supervisord.supervisor import ProgramFailed, Supervisor
from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import Unavailable
from swf_common_lib.messaging import MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.roles import RUNNER
from swf_common_lib.settings import Settings

READY_TIMEOUT = 60.0
"""Seconds that a service may take until it answers."""

Report = Callable[[str], None]
"""Takes a line for the person who waits."""


class NotReady(Unavailable):
    """A service runs but does not answer yet."""

    code = "not-ready"


@dataclass(frozen=True)
class Service:
    """A program of supervisord.conf."""

    name: str
    title: str
    port_setting: str
    """The setting of the port on which it listens; empty when it listens on none."""
    check: Callable[[Settings, Process], None]
    """Raises Unavailable while it, as this process, is not ready."""
    first: bool = False
    """Whether those after it need it at their start."""

    def port(self, settings: Settings) -> int | None:
        """Return the port on which it listens, if any."""
        if self.port_setting == "SWF_DATABASE_URL":
            return parse_database_url(settings.swf_database_url).port
        return getattr(settings, self.port_setting.lower()) if self.port_setting else None

    def address(self, settings: Settings) -> str:
        """Return the address of this host at which it is reached."""
        if self.port_setting == "SWF_DATABASE_URL":
            return parse_database_url(settings.swf_database_url).host
        return settings.activemq_host if self.port_setting == "ACTIVEMQ_PORT" else ports.LOOPBACK

    def stranger(
        self, settings: Settings, process: Process | None, supervisor: Supervisor
    ) -> Stranger | None:
        """Return who listens on its port in its place, if anybody does; it is ``process``."""
        port = self.port(settings)
        if port is None:
            return None
        pid = process.pid if process else 0
        return stranger_on(self.address(settings), port, pid, supervisor.socket)


def services_of(settings: Settings) -> list[Service]:
    """Return this installation's services in the order in which they start."""
    every = [
        Service("postgres", "PostgreSQL", "SWF_DATABASE_URL", _check_postgres, first=True),
        Service("broker", "message broker", "ACTIVEMQ_PORT", _check_broker, first=True),
        Service("web", "monitor", "SWF_WEB_PORT", _check_monitor, first=True),
        Service("ingest", "monitor ingest", "", _check_ingest),
        Service("mcp", "MCP server", "SWF_MCP_PORT", _check_mcp),
    ]
    if settings.swf_services != "local":
        return []
    elsewhere = set()
    if settings.swf_database_server != "local":
        elsewhere.add("postgres")
    if settings.swf_broker == "external":
        elsewhere.add("broker")
    return [service for service in every if service.name not in elsewhere]


def supervisor_of_services(settings: Settings) -> Supervisor:
    """Return the supervisord that runs the services."""
    return Supervisor(settings.swf_home / "supervisord.conf")


def agents_file(settings: Settings) -> Path:
    """Return the configuration of the supervisord that runs the agents; it may not be there."""
    return settings.swf_home / "agents.supervisord.conf"


def supervisor_of_agents(settings: Settings, give_up: threading.Event | None = None) -> Supervisor:
    """Return the supervisord that runs the workflow runner and the agents."""
    return Supervisor(agents_file(settings), give_up)


def start_services(
    settings: Settings, report: Report, *, only: Collection[str] | None = None
) -> None:
    """Start what does not run yet and wait until everything answers.

    ``only``: these and no others.

    Raises Conflict for a port that is taken (before anything starts), ProgramFailed for a service
    that exits or does not answer in time.
    """
    supervisor = supervisor_of_services(settings)
    _end_orphans(supervisor, report)  # they would hold the ports
    wanted = [one for one in services_of(settings) if only is None or one.name in only]
    _check_ports(settings, supervisor, wanted)
    supervisor.ensure_daemon()
    if settings.swf_broker == "external" and only is None:
        check_broker(settings)
        report(f"message broker: {settings.activemq_host}:{settings.activemq_port} answers")
    together: list[Service] = []
    for service in wanted:
        supervisor.start(service.name)
        together.append(service)
        if service.first:
            _await_ready(together, settings, supervisor, report)
            together = []
    _await_ready(together, settings, supervisor, report)


def stop_everything(settings: Settings, report: Report) -> None:
    """Stop agents and services, and both supervisords; return when nothing is left."""
    # The runner goes first: it ends its executions properly while agents and monitor still listen.
    # The broker is stopped last, when no process has anything more to send.
    agents = supervisor_of_agents(settings)
    others = [name for name in agents.configuration.programs if name != RUNNER.program]
    _stop(agents, [[RUNNER.program], others], report)
    order = [["mcp"], ["ingest"], ["web"], ["broker"], ["postgres"]]
    _stop(supervisor_of_services(settings), order, report)


def _stop(supervisor: Supervisor, order: list[list[str]], report: Report) -> None:
    if supervisor.alive():
        processes = supervisor.processes()
        for group in order:
            up = [name for name in group if name in processes and processes[name].active]
            if up:
                supervisor.stop(*up)
                report(f"stopped {', '.join(up)}")
    supervisor.shutdown()
    _end_orphans(supervisor, report)


def _end_orphans(supervisor: Supervisor, report: Report) -> None:
    if orphans := supervisor.end_orphans():
        report(f"ended {orphans} processes that a killed supervisord had left behind")


def _check_ports(settings: Settings, supervisor: Supervisor, services: list[Service]) -> None:
    running = supervisor.processes() if supervisor.alive() else {}
    for service in services:
        port = service.port(settings)
        if port is None:
            continue
        process = running.get(service.name)
        if process and process.up:
            _check_own_port(service, settings, process, supervisor)
        elif not ports.is_free(port):
            raise ports.taken(service.port_setting, port)


def _await_ready(
    services: list[Service], settings: Settings, supervisor: Supervisor, report: Report
) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    for service in services:
        while (problem := _not_ready(service, settings, supervisor)) is not None:
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"the {service.title} does not answer after {READY_TIMEOUT:g} s: {problem}",
                    f"See `testbed logs {service.name}`.",
                )
            time.sleep(0.1)
        port = service.port(settings)
        report(f"{service.title}: ready" + (f" on port {port}" if port else ""))


def _not_ready(service: Service, settings: Settings, supervisor: Supervisor) -> str | None:
    """Return why a service is not ready; None when it is. Raises ProgramFailed if it exited."""
    process = supervisor.check_living(service.name)
    try:
        service.check(settings, process)
    except Unavailable as error:
        return error.detail
    # Its answer counts only if it is this process that gave it.
    process = supervisor.check_living(service.name)
    _check_own_port(service, settings, process, supervisor)
    return None if process.running else f"its process is {process.state}"


def _check_own_port(
    service: Service, settings: Settings, process: Process, supervisor: Supervisor
) -> None:
    """Raise Conflict when somebody else listens on the port of a service that is up."""
    port = service.port(settings)
    if port is not None and service.stranger(settings, process, supervisor):
        raise ports.taken(service.port_setting, port)


def _check_postgres(settings: Settings, _process: Process) -> None:
    Postgres.from_settings(settings).check()


def check_broker(settings: Settings) -> None:
    """Connect to the broker with this installation's login. Raises BrokerUnavailable."""
    bus = MessageBus(settings)
    try:
        bus.start(timeout=5.0)
    finally:
        bus.close()


def _check_broker(settings: Settings, _process: Process) -> None:
    check_broker(settings)


def _check_monitor(settings: Settings, _process: Process) -> None:
    MonitorClient.from_settings(settings).get("status/")


def _check_ingest(settings: Settings, process: Process) -> None:
    """Raise Unavailable unless this ingest has reported that it receives from the broker."""
    records = MonitorClient.from_settings(settings).get("systemagents/")
    for record in records:
        if record.get("pid") == process.pid and record.get("mq_connected"):
            return
    raise NotReady("it has not reported that it hears the broker")


def _check_mcp(settings: Settings, _process: Process) -> None:
    connection = http.client.HTTPConnection(ports.LOOPBACK, settings.swf_mcp_port, timeout=5)
    try:
        connection.request("GET", "/mcp")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(f"nothing answers at {settings.swf_mcp_url} ({error})") from error
    finally:
        connection.close()
