"""What somebody may want from an assistant, the calls for it, and how to know that it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.evals.session import Session

State = Mapping[str, Any]
"""What the situation has brought about: ids, numbers, names of agents."""
Solve = Callable[[Session, State], Awaitable[None]]


@dataclass(frozen=True)
class Task:
    """One wish."""

    name: str
    question: str
    """As somebody would ask; ``{name}`` stands for what the situation has of that name."""
    solve: Solve
    """The calls of an assistant that knows what it does."""
    facts: tuple[str, ...]
    """Parts of the answer, upper and lower case alike; ``a|b`` is one of both."""
    most_calls: int = 2

    def asked(self, state: State) -> str:
        """Return the question, with the names of a situation filled in."""
        return self.question.format(**state)

    def missing(self, text: str, state: State) -> list[str]:
        """Return the facts that are not in ``text``."""
        folded = text.casefold()
        return [
            fact
            for fact in (fact.format(**state) for fact in self.facts)
            if not any(part.casefold() in folded for part in fact.split("|"))
        ]


@dataclass(frozen=True)
class Outcome:
    """How a task went."""

    task: str
    calls: tuple[str, ...]
    bytes: int
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Every fact is there, in as few calls as it may take."""
        return not self.faults


async def solved(tasks: tuple[Task, ...], session: Session, state: State) -> list[Outcome]:
    """Do the tasks as they are written; see whether the facts are in what there is to read."""
    outcomes = []
    for task in tasks:
        own = session.again()
        faults = []
        try:
            await task.solve(own, state)
        except (AssertionError, LookupError) as error:
            faults.append(f"an answer was another than expected: {error!r:.300}")
        faults += [f"not in the answers: {fact}" for fact in task.missing(own.read, state)]
        outcomes.append(outcome(task, own, faults))
    return outcomes


def outcome(task: Task, session: Session, faults: list[str]) -> Outcome:
    """Sum up a session that was to do ``task``."""
    return Outcome(
        task.name,
        tuple(session.calls),
        session.bytes,
        (*faults, *_too_many(task, session)),
    )


def _too_many(task: Task, session: Session) -> Iterator[str]:
    if len(session.calls) > task.most_calls:
        yield f"{len(session.calls)} calls, {task.most_calls} would do"
