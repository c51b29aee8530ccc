"""What lies in the broker's queues, and which agents consume it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from monitor.diagnosis.finding import Finding
from orchestrator.embedded_broker.destinations import DEAD_LETTERS
from orchestrator.queue_depths import QueueDepth, Reading
from swf_common_lib.messaging import SLICE_RESULTS, SLICES, WORKFLOW_CONTROL
from swf_common_lib.text import given

RUNNER, WORKER = "workflow-runner", "fast-processing-worker"


@dataclass(frozen=True)
class Consumer:
    """The program that consumes a queue, and the type of the agent in it."""

    program: str = ""
    agent_type: str = ""


_CONSUMERS = MappingProxyType(
    {
        str(WORKFLOW_CONTROL): Consumer(RUNNER, "workflow_runner"),
        str(SLICES): Consumer(WORKER, "worker"),
        str(SLICE_RESULTS): Consumer("fast-processing-agent", "fast_processing"),
    }
)
"""By queue; further streams of a queue have a number behind its name."""
_SHOWN = 20


def queue_view(reading: Reading) -> dict[str, Any]:
    """Give the queues that hold something, those with most waiting first."""
    holding = [(name, depth) for name, depth in reading.queues.items() if _holds(depth)]
    holding.sort(key=lambda pair: (-pair[1].waiting, pair[0]))
    return {
        name: {
            "waiting": depth.waiting,
            "in_hand": depth.in_hand,
            "consumers": depth.consumers,
            **given(growth_per_s=round(reading.growth.get(name, 0.0), 2) or None),
        }
        for name, depth in holding[:_SHOWN]
    }


def unconsumed(reading: Reading, program: str = "") -> Iterator[tuple[str, QueueDepth]]:
    """Give the queues in which messages wait without a consumer; those of ``program`` alone."""
    for name, depth in reading.queues.items():
        if name == DEAD_LETTERS or not depth.waiting or depth.consumers:
            continue
        if not program or consumer_of(name).program == program:
            yield name, depth


def consumer_of(queue: str) -> Consumer:
    """Say who consumes a queue; a consumer without a name for a queue that is not ours."""
    for name, consumer in _CONSUMERS.items():
        if queue == name or queue.startswith(f"{name}."):
            return consumer
    return Consumer()


def waiting_text(reading: Reading, program: str) -> str:
    """Say what waits for a program that is not there; empty when nothing does."""
    return "; ".join(unconsumed_text(*found) for found in unconsumed(reading, program))


def queue_findings(reading: Reading, explained: Collection[str]) -> Iterator[Finding]:
    """Give what is wrong with queues, but for those of programs that ``explained`` names."""
    dead = reading.queues.get(DEAD_LETTERS)
    if dead is not None and dead.waiting:
        yield Finding(
            "message_unconsumed",
            "warning",
            f"{dead.waiting} messages lie in {DEAD_LETTERS}: their handlers failed each time",
            "list_logs with level=ERROR says over what; they stay there until taken by hand.",
        )
    for name, depth in unconsumed(reading):
        program = consumer_of(name).program
        if program not in explained:
            what = unconsumed_text(name, depth)
            yield Finding("message_unconsumed", "warning", what, start_text(program))
    for name, growth in reading.growth.items():
        depth = reading.queues[name]
        program = consumer_of(name).program
        if growth > 0 and depth.consumers and program not in explained:
            yield Finding(
                "backlog_growing",
                "note",
                f"{depth.waiting} messages wait in {name}: {growth:.3g}/s more come than its "
                f"{depth.consumers} consumers take",
                "Ask again: a backlog may be a matter of seconds. list_agents shows its consumers.",
            )


def unconsumed_text(name: str, depth: QueueDepth) -> str:
    """Say that messages wait without a consumer."""
    messages = "message waits" if depth.waiting == 1 else "messages wait"
    return f"{depth.waiting} {messages} in {name}, which nobody consumes"


def start_text(program: str) -> str:
    """Say how a queue comes to a consumer."""
    if not program:
        return (
            "No agent of the testbed consumes this queue: is its name misspelt by who sends to it? "
            "list_logs of the senders may tell."
        )
    return (
        f'start_agents(agents=["{program}"]) starts who does; of one that lives, list_logs says '
        "why it takes nothing."
    )


def _holds(depth: QueueDepth) -> bool:
    return depth.waiting + depth.in_hand > 0
