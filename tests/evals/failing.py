"""Wishes to know what is wrong, while something is."""

from __future__ import annotations

from tests.evals.session import Session
from tests.evals.task import Solve, State, Task


def _diagnose(name: str) -> Solve:
    async def solve(s: Session, given: State) -> None:
        await s.call("diagnose_execution", execution_id=given[name])

    return solve


async def _status(s: Session, _: State) -> None:
    await s.call("get_system_status")


RUNNER_KILLED = (
    Task(
        "runner killed",
        "What became of {killed}?",
        _diagnose("killed"),
        ("runner_lost", "{runner}", "start_workflow"),
        most_calls=1,
    ),
)
SAMPLES_GO_NOWHERE = (
    Task(
        "agent missing",
        "Why are there no samples of {halted}?",
        _diagnose("halted"),
        ("work_abandoned", "fastmon", "start_agents_then_again"),
        most_calls=1,
    ),
)
SLICES_WAIT = (
    Task(
        "slices nobody takes",
        "Why is no slice of {unworked} processed? Where do they wait, how many, and what helps?",
        _diagnose("unworked"),
        (
            "work_abandoned",
            "{slices} slices unfinished",
            '"/queue/panda.transformer.slices":{{"waiting":{slices},"in_hand":0,"consumers":0',
            "start_agents",
            "fast-processing-worker",
        ),
        most_calls=1,
    ),
    Task(
        "slices nobody takes, in the status",
        "Is the testbed healthy? Does anything pile up in the broker?",
        _status,
        (
            '"healthy":false',
            "{slices} slices unfinished",
            '"/queue/panda.transformer.slices":{{"waiting":{slices},"in_hand":0,"consumers":0',
            "fast-processing-worker",
        ),
        most_calls=1,
    ),
)
AGENT_HANGS = (
    Task(
        "agent silent",
        "Why is nothing of {unheard} processed?",
        _diagnose("unheard"),
        ("agent_frozen", "{hanging}", "stop_agents("),
        most_calls=1,
    ),
    Task(
        "silent agent in the status",
        "Is the testbed healthy?",
        _status,
        ("agent_frozen", "{hanging}", "stop_agents(", '"healthy":false'),
        most_calls=1,
    ),
)
BROKER_DOWN = (
    Task("broker down", "Is the testbed healthy?", _status, ("broker", "start-local"), 1),
    Task(
        "broker down, of a run",
        "Why does {cut_off} not go on?",
        _diagnose("cut_off"),
        ("broker_away", "start-local"),
        most_calls=1,
    ),
)
DATABASE_DOWN = (
    Task(
        "database down",
        "Is the testbed healthy?",
        _status,
        ("database does not answer|database cannot be used",),
        1,
    ),
    Task(
        "database down, of a run",
        "How is stf_datataking-maria-0001 doing?",
        _diagnose("any"),
        ("database_away", "start-local"),
        most_calls=1,
    ),
)
