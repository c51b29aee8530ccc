"""`testbed start-local`, `stop-local` and `status-local`: the services on this machine."""

from __future__ import annotations

import argparse

from orchestrator import ports
from orchestrator.cli.context import Commands, Context
from orchestrator.cli.installation import print_addresses
from orchestrator.cli.status_tables import process_table
from orchestrator.installation import require_prepared
from orchestrator.services import (
    services_of,
    start_services,
    stop_everything,
    supervisor_of_services,
)
from orchestrator.supervisord.orphans import named_programs_of
from swf_common_lib.errors import Conflict


def add_commands(commands: Commands) -> None:
    """Add this module's commands."""
    start = commands.add_parser(
        "start-local", help="start broker, monitor, ingest and MCP server on this machine"
    )
    start.set_defaults(command=_start)
    stop = commands.add_parser("stop-local", help="stop agents and services; nothing is left")
    stop.set_defaults(command=_stop)
    status = commands.add_parser("status-local", help="the services' processes")
    status.set_defaults(command=_status)


def _start(context: Context, options: argparse.Namespace) -> int:
    if context.settings.swf_services != "local":
        compose = context.settings.swf_services == "compose"
        where = "run in containers" if compose else "run elsewhere (SWF_SERVICES)"
        how = "`testbed start` starts them" if compose else "Start them there"
        raise Conflict(
            f"this installation's services {where}",
            f"{how}; `testbed init --embedded` or `--services` changes that.",
        )
    require_prepared(context.settings)
    start_services(context.settings, context.report)
    print_addresses(context)
    return 0


def _stop(context: Context, options: argparse.Namespace) -> int:
    stop_everything(context.settings, context.report)
    context.out.print("All stopped.")
    return 0


def _status(context: Context, options: argparse.Namespace) -> int:
    supervisor = supervisor_of_services(context.settings)
    if not supervisor.alive():
        if left := named_programs_of(supervisor.socket):
            context.out.print(
                f"{len(left)} processes run without their supervisord, which was killed: "
                f"{', '.join(sorted(set(left.values())))}. `testbed stop-local` and `testbed "
                "start-local` begin anew.",
                markup=False,
            )
            return 1
        context.out.print("The services are stopped. `testbed start-local` starts them.")
        return 0
    processes = supervisor.processes()
    services = services_of(context.settings)
    mine = [processes[service.name] for service in services]
    context.out.print(process_table("Services", mine))
    strangers = 0
    for service, process in zip(services, mine, strict=True):
        if service.stranger(context.settings, process, supervisor):
            strangers += 1
            taken = ports.taken(service.port_setting, service.port(context.settings) or 0)
            context.out.print(f"{service.title}: {taken.detail}. {taken.hint}", markup=False)
    return int(bool(strangers))
