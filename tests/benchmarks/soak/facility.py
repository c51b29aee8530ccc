"""An installation on ActiveMQ and PostgreSQL of its own, for as long as a soak takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.stack import Stack

SERVICES = ("broker", "postgres", "web", "ingest", "mcp")


@contextmanager
def facility() -> Iterator[Stack]:
    """Start an installation with services, runner and agents; nothing is left of it at the end."""
    with TemporaryDirectory(prefix="soak-") as folder:
        # The user as whom root's PostgreSQL runs has to pass through.
        Path(folder).chmod(0o711)
        stack = Stack.create(Path(folder) / "s")
        try:
            stack.run(["init", "--services"])
            stack.run(["start-local"])
            stack.run(["start-agents"])
            yield stack
        finally:
            stack.run(["stop-local"], check=False)


def programs(stack: Stack) -> dict[str, int]:
    """Return the process id of each program that runs, by its name."""
    running = {}
    for supervisor in (stack.services, stack.agents):
        for name, process in supervisor.processes().items():
            if process.running:
                running[name] = process.pid
    return running
