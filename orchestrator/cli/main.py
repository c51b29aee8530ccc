"""Parsing the command line, and printing errors."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.cli import (
    agents,
    compose,
    configuration,
    demo,
    diagnose,
    doctor,
    executions,
    installation,
    services,
    status,
)
from orchestrator.cli.context import CommandHandler, Context, console
from swf_common_lib.command_line import CommandParser
from swf_common_lib.errors import TestbedError
from swf_common_lib.settings import load_settings

GROUPS = (
    installation,
    services,
    compose,
    executions,
    agents,
    status,
    diagnose,
    doctor,
    configuration,
    demo,
)
INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all sub-commands."""
    parser = CommandParser(
        prog="testbed",
        description="Drive the ePIC streaming workflow testbed.",
        epilog="First time: `testbed init`, `testbed start-local`, `testbed run --wait`.",
    )
    parser.add_argument(
        "--home", type=Path, metavar="FOLDER", help="the checkout to work on (default: SWF_HOME)"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in GROUPS:
        group.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 an error, 2 wrong usage."""
    options = build_parser().parse_args(arguments)
    # Errors are raised and printed once; the libraries' own warnings would repeat them.
    logging.getLogger().addHandler(logging.NullHandler())
    errors = console(stderr=True)
    command: CommandHandler = options.command
    without_settings = getattr(options, "without_settings", None)
    try:
        if without_settings is not None:
            return int(without_settings(options))
        return command(Context(load_settings(options.home)), options)
    except TestbedError as error:
        errors.print("error: ", style="bold red", end="")
        errors.print(error.detail, markup=False)
        if error.hint:
            errors.print(error.hint, markup=False)
        return 1
    except KeyboardInterrupt:
        errors.print("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has enough; nothing more can be flushed to it at exit either.
        sys.stdout = None
        return 0
