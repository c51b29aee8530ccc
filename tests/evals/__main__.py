"""What an assistant needs for real tasks: calls, bytes, and whether all is told: ``make evals``.

Without a model the calls are those of an assistant that knows what it does. With a model (see
``live.py``) the model chooses them, and the facts must be in what it says at the end.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from rich.console import Console
from rich.table import Table

from tests.evals import incidents, scenes
from tests.evals.doing import DOING, NOTHING_RUNS
from tests.evals.failing import (
    AGENT_HANGS,
    BROKER_DOWN,
    DATABASE_DOWN,
    RUNNER_KILLED,
    SAMPLES_GO_NOWHERE,
    SLICES_WAIT,
)
from tests.evals.live import Model, answered
from tests.evals.looking import LOOKING
from tests.evals.mending import (
    AGENT_FROZEN,
    ENDLESS,
    FAILED_IN_THE_STATUS,
    NOBODY_SERVES_IT,
    SLICES_FAIL,
    WORKER_KILLED,
    WORKFLOW_HANGS,
)
from tests.evals.session import address_of, opened
from tests.evals.task import Outcome, State, Task, solved
from tests.postgres_process import postgres_programs
from tests.stack import Stack

Situation = Callable[[Stack], AbstractContextManager[dict[str, Any]]]

_PROGRAMME: Sequence[tuple[Situation, tuple[Task, ...]]] = (
    (scenes.nothing_runs, NOTHING_RUNS),
    (scenes.after_some_runs, (*LOOKING, *FAILED_IN_THE_STATUS, *DOING)),
    (scenes.samples_go_nowhere, SAMPLES_GO_NOWHERE),
    (scenes.slices_wait, SLICES_WAIT),
    (scenes.runner_killed, RUNNER_KILLED),
    (scenes.agent_hangs, AGENT_HANGS),
    (scenes.broker_down, BROKER_DOWN),
    (incidents.slices_fail, SLICES_FAIL),
    (incidents.nobody_serves_it, NOBODY_SERVES_IT),
    (incidents.agent_frozen, AGENT_FROZEN),
    (incidents.worker_killed, WORKER_KILLED),
    (incidents.workflow_hangs, WORKFLOW_HANGS),
    (incidents.endless, ENDLESS),
    (scenes.database_down, DATABASE_DOWN),
)


def main() -> int:
    """Run everything and print it; give the exit status."""
    model = Model.from_environment()
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack.create(Path(folder) / "stack")
        try:
            stack.start()
            for situation, tasks in _programme():
                print(f"{situation.__name__}: {situation.__doc__}", flush=True)
                with situation(stack) as state:
                    outcomes += anyio.run(partial(_done, stack, tasks, state, model))
        finally:
            stack.stop()
    _print(outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _programme() -> Sequence[tuple[Situation, tuple[Task, ...]]]:
    if postgres_programs() is None:
        print("PostgreSQL is not installed: without the tasks of its failure")
        return _PROGRAMME[:-1]
    return _PROGRAMME


async def _done(
    stack: Stack, tasks: tuple[Task, ...], state: State, model: Model | None
) -> list[Outcome]:
    async with opened(*state.get("server", address_of(stack))) as session:
        if model is None:
            return await solved(tasks, session, state)
        return [await answered(task, session, state, model) for task in tasks]


def _print(outcomes: Sequence[Outcome]) -> None:
    table = Table(title="What an assistant needs")
    for column in ("task", "calls", "bytes", "", "which"):
        table.add_column(column, justify="right" if column in ("calls", "bytes") else "left")
    for outcome in outcomes:
        result = "pass" if outcome.passed else f"FAIL: {'; '.join(outcome.faults)}"
        calls = ", ".join(dict.fromkeys(outcome.calls))
        table.add_row(outcome.task, str(len(outcome.calls)), f"{outcome.bytes:,}", result, calls)
    passed = sum(outcome.passed for outcome in outcomes)
    calls = sum(len(outcome.calls) for outcome in outcomes)
    size = sum(outcome.bytes for outcome in outcomes)
    table.caption = f"{passed} of {len(outcomes)} passed; {calls} calls, {size:,} bytes"
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
