"""`testbed start-local`, `stop-local` and `status-local`: the services on this machine."""

from __future__ import annotations

import argparse

from orchestrator.cli.context import Commands, Context
from orchestrator.cli.installation import login_link
from orchestrator.cli.status import process_table
from orchestrator.installation import require_prepared
from orchestrator.services import start_services, stop_everything, supervisor_of_services


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
    require_prepared(context.settings)
    start_services(context.settings, context.report)
    context.out.print(f"Web UI (this link logs in, once): {login_link(context)}", markup=False)
    context.out.print(f"MCP: {context.settings.mcp_url}", markup=False)
    return 0


def _stop(context: Context, options: argparse.Namespace) -> int:
    stop_everything(context.settings, context.report)
    context.out.print("All stopped.")
    return 0


def _status(context: Context, options: argparse.Namespace) -> int:
    supervisor = supervisor_of_services(context.settings)
    if not supervisor.alive():
        context.out.print("The services are stopped. `testbed start-local` starts them.")
        return 0
    context.out.print(process_table("Services", supervisor.processes().values()))
    return 0
