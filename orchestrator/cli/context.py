"""What every sub-command gets: settings, and the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from rich.console import Console

from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings

WIDTH_OF_FILES = 160
"""Columns of what goes to a file or a pipe: wide enough for ids to stay whole."""


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or standard error."""
    made = Console(highlight=False, soft_wrap=True, stderr=stderr)
    if not made.is_terminal:
        made.width = WIDTH_OF_FILES
    return made


@dataclass
class Context:
    """The installation, standard output and standard error."""

    settings: Settings
    out: Console = field(default_factory=lambda: console())
    err: Console = field(default_factory=lambda: console(stderr=True))

    def client(self, patience: float = 0.0) -> MonitorClient:
        """Return a client for the monitor."""
        return MonitorClient.from_settings(self.settings, patience)

    def report(self, line: str) -> None:
        """Print a line about what is going on, on standard error."""
        self.err.print(line, style="dim", markup=False)


CommandHandler = Callable[[Context, argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
