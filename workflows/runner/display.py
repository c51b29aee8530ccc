"""How a single execution is shown on the terminal: live on a screen, as lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from workflows.runner.execution import Execution

POLL = 0.05
"""Seconds between looks at the execution."""
LINE_INTERVAL = 5.0
"""Seconds between lines while nothing but time passes."""


def follow(execution: Execution, console: Console) -> None:
    """Show the execution until it has ended and is reported."""
    if console.is_terminal:
        _follow_live(execution, console)
    else:
        _follow_lines(execution, console)


def describe(execution: Execution) -> str:
    """Return the state of the execution in one line."""
    handle = execution.handle
    state = f"{handle.state}/{handle.substate}" if handle.state else "no_beam/not_ready"
    run = f"run {handle.run_id}  " if handle.run_id else ""
    return (
        f"{execution.status}  {run}{state}  tick {execution.clock.tick:.1f} s"
        f"  {handle.stf_files} STFs  {handle.messages_sent} messages"
    )


def summary(execution: Execution, wall: float) -> str:
    """Return how the execution ended, in two lines."""
    handle, outcome = execution.handle, execution.outcome
    reason = outcome and (outcome.error or outcome.reason)
    ended = f"{execution.execution_id} {outcome.status if outcome else execution.status}"
    return (
        f"{ended}{f': {reason}' if reason else ''}\n"
        f"  run {handle.run_id or '(none)'}: {handle.stf_files} STF files,"
        f" {handle.messages_sent} messages,"
        f" {float(execution.env.now):.1f} simulated seconds in {wall:.2f} s"
    )


def _follow_live(execution: Execution, console: Console) -> None:
    with Live(console=console, transient=True, refresh_per_second=10) as live:
        while not execution.join(POLL):
            live.update(Text(f"{execution.execution_id}  {describe(execution)}"))


def _follow_lines(execution: Execution, console: Console) -> None:
    seen, said = None, time.monotonic()
    while not execution.join(POLL):
        handle = execution.handle
        where = (execution.status, handle.state, handle.substate)
        if where != seen or time.monotonic() - said >= LINE_INTERVAL:
            seen, said = where, time.monotonic()
            console.print(Text(describe(execution)), soft_wrap=True)
