"""`testbed start` and `stop`: the services in containers, the agents on this host."""

from __future__ import annotations

import argparse

from orchestrator.agent_history import start_agents_on_record, stop_agents_on_record
from orchestrator.cli.context import Commands, Context
from orchestrator.cli.installation import print_addresses
from orchestrator.cli.status_tables import process_table
from orchestrator.installation import prepare
from orchestrator.servers.compose import down, require_docker, up
from orchestrator.services import supervisor_of_agents
from swf_common_lib.errors import Conflict
from swf_common_lib.settings import load_settings


def add_commands(commands: Commands) -> None:
    """Add this module's commands."""
    start = commands.add_parser(
        "start", help="start the services with docker compose, and the agents here"
    )
    start.set_defaults(command=_start)
    stop = commands.add_parser("stop", help="stop the agents and the containers; records stay")
    stop.set_defaults(command=_stop)


def _start(context: Context, options: argparse.Namespace) -> int:
    settings = context.settings
    fresh = not settings.settings_file.is_file()
    if not fresh:
        _require_compose(context)
    require_docker()
    for line in prepare(settings, stack="compose" if fresh else "").done:
        context.report(line)
    context.settings = load_settings(settings.swf_home)
    up(context.settings)
    context.settings = load_settings(settings.swf_home)  # with the token
    context.out.print(process_table("Agents", start_agents_on_record(context.settings)))
    print_addresses(context)
    return 0


def _stop(context: Context, options: argparse.Namespace) -> int:
    _require_compose(context)
    stop_agents_on_record(context.settings)
    supervisor_of_agents(context.settings).shutdown()
    down(context.settings)
    context.out.print("All stopped; the records are kept in docker's volumes.")
    return 0


def _require_compose(context: Context) -> None:
    if context.settings.swf_services != "compose":
        raise Conflict(
            "this installation's services do not run in containers",
            "`testbed start-local` and `stop-local` are theirs; `testbed init --compose` changes"
            " to containers.",
        )
