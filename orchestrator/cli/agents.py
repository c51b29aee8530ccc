"""`testbed start-agents`, `stop-agents` and `logs`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agent_history import start_agents_on_record, stop_agents_on_record
from orchestrator.agents import program_called
from orchestrator.cli.context import Commands, Context
from orchestrator.cli.status_tables import process_table
from orchestrator.installation import require_token
from orchestrator.services import supervisor_of_agents, supervisor_of_services
from orchestrator.supervisord.process import tail
from swf_common_lib.errors import NotFound
from swf_common_lib.settings import Settings


def add_commands(commands: Commands) -> None:
    """Add this module's commands."""
    start = commands.add_parser(
        "start-agents", help="start the workflow runner and the agents enabled in testbed.toml"
    )
    start.add_argument("agents", nargs="*", metavar="AGENT", help="only these")
    start.set_defaults(command=_start)
    stop = commands.add_parser("stop-agents", help="stop the workflow runner and the agents")
    stop.add_argument("agents", nargs="*", metavar="AGENT", help="only these")
    stop.set_defaults(command=_stop)
    logs = commands.add_parser("logs", help="the last lines of what agents and services wrote")
    logs.add_argument("agents", nargs="*", metavar="AGENT", help="only these (default: all)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as they write more")
    logs.add_argument("-n", "--lines", type=int, default=20, metavar="N", help="lines of each")
    logs.set_defaults(command=_logs)


def _start(context: Context, options: argparse.Namespace) -> int:
    require_token(context.settings)
    context.out.print(
        process_table("Agents", start_agents_on_record(context.settings, options.agents))
    )
    return 0


def _stop(context: Context, options: argparse.Namespace) -> int:
    stopped = stop_agents_on_record(context.settings, options.agents)
    context.out.print(f"Stopped: {', '.join(stopped) or 'none ran'}.", markup=False)
    return 0


def _logs(context: Context, options: argparse.Namespace) -> int:
    files = _log_files(context.settings, options.agents)
    positions = {}
    for name, path in files.items():
        positions[name] = path.stat().st_size if path.exists() else 0
        _print(context, name, tail(path, options.lines), len(files) > 1)
    while options.follow:
        for name, path in files.items():
            lines, positions[name] = _written_since(path, positions[name])
            _print(context, name, lines, len(files) > 1)
        time.sleep(0.2)
    return 0


def _print(context: Context, name: str, lines: list[str], named: bool) -> None:
    for line in lines:
        context.out.print(f"{name}: {line}" if named else line, markup=False)


def _written_since(path: Path, position: int) -> tuple[list[str], int]:
    """Return the whole lines written after ``position``, and the position after them."""
    if not path.exists():
        return [], 0
    with path.open("rb") as file:
        if path.stat().st_size < position:  # rotated
            position = 0
        file.seek(position)
        whole = file.read().rpartition(b"\n")
    text = (whole[0] + whole[1]).decode("utf-8", errors="replace")
    return text.splitlines(), position + len(whole[0]) + len(whole[1])


def _log_files(settings: Settings, names: list[str]) -> dict[str, Path]:
    known = dict(_known_logs(settings))
    if not names:
        return {name: path for name, path in known.items() if path.exists()}
    chosen = {}
    for name in names:
        fitting = program_called(name, known)
        if not fitting:
            raise NotFound(f"there are no logs of {name!r}", f"There are: {', '.join(known)}.")
        chosen[fitting] = known[fitting]
    return chosen


def _known_logs(settings: Settings) -> Iterator[tuple[str, Path]]:
    for supervisor in (supervisor_of_agents(settings), supervisor_of_services(settings)):
        configuration = supervisor.configuration
        for name in configuration.programs:
            yield name, configuration.log_dir / f"{name}.log"
