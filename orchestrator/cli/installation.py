"""`testbed init`, `token`, `prune` and `login`."""

from __future__ import annotations

import argparse

from orchestrator.cli.context import Commands, Context
from orchestrator.installation import prepare, require_prepared, require_token, run_monitor_command
from orchestrator.services import start_services, supervisor_of_services
from swf_common_lib.errors import Conflict, InvalidRequest
from swf_common_lib.settings import Settings
from swf_common_lib.states import TokenScope


def add_commands(commands: Commands) -> None:
    """Add this module's commands."""
    init = commands.add_parser("init", help="make folders, database, token and testbed.toml")
    init.add_argument(
        "--new-ports", action="store_true", help="pick free ports again (stop the services first)"
    )
    stack = init.add_mutually_exclusive_group()
    stack.add_argument(
        "--services",
        dest="stack",
        action="store_const",
        const="services",
        help="run on an ActiveMQ and a PostgreSQL of this installation's own (`make services`)",
    )
    stack.add_argument(
        "--embedded",
        dest="stack",
        action="store_const",
        const="embedded",
        help="go back to the embedded broker and SQLite",
    )
    stack.add_argument(
        "--compose",
        dest="stack",
        action="store_const",
        const="compose",
        help="run the services in containers (`testbed start`), agents here",
    )
    init.set_defaults(command=_init, stack="")
    token = commands.add_parser(
        "token",
        help="print the token for REST and MCP; create, list, revoke others",
        description="Print the operator's token. `create NAME [--scope read|operate|admin]` makes "
        "another and prints it (--user ANN: it acts in her name), `list` shows those there are, "
        "`revoke NAME` ends one.",
    )
    token.add_argument("action", nargs="?", choices=("create", "list", "revoke"))
    token.add_argument("name", nargs="?", metavar="NAME", help="of a token to create or revoke")
    token.add_argument("--scope", choices=TokenScope.values, help="(default: read)")
    token.add_argument("--user", help="in whose name a new token acts (default: yours)")
    token.set_defaults(command=_token)
    prune = commands.add_parser(
        "prune",
        help="delete old messages, log records and events",
        description="Delete messages, log records and events from before that, but for those of"
        " executions that went on since. Executions, runs, files and slices stay.",
    )
    prune.add_argument("--older-than", required=True, metavar="AGE", help="such as 30d or 8w")
    prune.add_argument("--dry-run", action="store_true", help="count, and delete nothing")
    prune.set_defaults(command=_prune)
    login = commands.add_parser("login", help="print a link that opens the web UI, once")
    login.set_defaults(command=_login)


def _init(context: Context, options: argparse.Namespace) -> int:
    if options.new_ports and _services_alive(context.settings):
        raise Conflict("the services run on their present ports", "First: testbed stop-local")
    settings = context.settings
    if options.stack and _changes_stack(settings, options.stack) and _services_alive(settings):
        raise Conflict("the services run on their present stack", "First: testbed stop-local")
    prepared = prepare(
        settings,
        new_ports=options.new_ports,
        stack=options.stack or "",
        report=context.report,
    )
    if options.stack == "services":
        start_services(prepared.settings, context.report, only=("postgres", "broker"))
    for line in prepared.done:
        context.out.print(line, markup=False)
    home = prepared.settings.swf_home
    commands = {"local": "start-local", "compose": "start", "elsewhere": "start-agents"}
    command = commands[prepared.settings.swf_services]
    context.out.print(f"{home} is ready: `testbed {command}` starts it.", markup=False)
    return 0


def _services_alive(settings: Settings) -> bool:
    return supervisor_of_services(settings).alive()


def _changes_stack(settings: Settings, stack: str) -> bool:
    if settings.swf_services != "local":
        return stack != settings.swf_services
    own = settings.swf_broker == "activemq" and settings.swf_database_server == "local"
    return stack != ("services" if own else "embedded")


def _token(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    if options.action is None:
        context.out.print(context.settings.swf_api_token, markup=False)
        return 0
    if options.action != "list" and not options.name:
        raise InvalidRequest(
            f"`testbed token {options.action}` needs the token's name",
            f"For instance: testbed token {options.action} my-assistant",
        )
    require_prepared(context.settings)  # the database is here
    words = [options.action, *([options.name] if options.name else [])]
    words += ["--scope", options.scope] if options.scope else []
    words += ["--user", options.user] if options.user else []
    return run_monitor_command(context.settings, "token", *words).returncode


def _prune(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    require_prepared(context.settings)  # the database is here
    words = [f"--older-than={options.older_than}", *(["--dry-run"] if options.dry_run else [])]
    return run_monitor_command(context.settings, "prune", *words).returncode


def _login(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    context.out.print(login_link(context), markup=False)
    return 0


def login_link(context: Context) -> str:
    """Return a link that logs one browser in, once."""
    return str(context.client().post("login-links/")["url"])


def print_addresses(context: Context) -> None:
    """Print where web UI and MCP server are, and how to get in."""
    out = context.out
    out.print(f"Web UI (this link logs in, once): {login_link(context)}", markup=False)
    out.print(f"MCP: {context.settings.swf_mcp_url} (token: testbed token)", markup=False)
