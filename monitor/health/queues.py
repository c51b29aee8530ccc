"""What is wrong with the broker's queues."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from orchestrator.embedded_broker.destinations import DEAD_LETTERS
from orchestrator.queue_depths import QueueDepth, Reading
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)
from swf_common_lib.roles import RUNNER, WORKER, role_of_queue
from swf_common_lib.text import given

_SHOWN = 20
GROWTH_SHOWN = 0.05
"""Messages a second: a growth below that is none."""
MANY = 1000
"""Messages that wait before a growth is a finding: any burst makes a queue grow for a moment."""


def queue_view(reading: Reading) -> dict[str, Any]:
    """Return the queues that hold something, those with most waiting first."""
    holding = [(n, depth) for n, depth in reading.queues.items() if depth.waiting + depth.in_hand]
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


def waiting_for_role(reading: Reading, agent_type: str) -> int:
    """Return how many messages wait in the queues of a role without a consumer."""
    return sum(
        depth.waiting
        for name, depth in unconsumed(reading)
        if (role := role_of_queue(name)) is not None and role.agent_type == agent_type
    )


def unconsumed(reading: Reading) -> Iterator[tuple[str, QueueDepth]]:
    """Yield the queues in which messages wait without a consumer."""
    for name, depth in reading.queues.items():
        if name != DEAD_LETTERS and depth.waiting and not depth.consumers:
            yield name, depth


def queue_findings(reading: Reading, alive_types: Collection[str]) -> Iterator[Finding]:
    """Yield dead letters, and messages that wait for nobody; ``alive_types``: roles that are up.

    A role that is up may be about to come to its queue: it is accused only where the queue grew
    between two readings. Commands that wait for a runner follow from there being none.
    """
    dead = reading.queues.get(DEAD_LETTERS)
    if dead is not None and dead.waiting:
        yield Finding(
            FindingCode.DEAD_LETTERS,
            Severity.WARNING,
            _queue(DEAD_LETTERS),
            Remedy.TAKE_DEAD_LETTERS,
            evidence=evidence(waiting=(dead.waiting, "messages")),
        )
    for name, depth in unconsumed(reading):
        role = role_of_queue(name)
        growing = reading.growth.get(name, 0.0) > GROWTH_SHOWN
        if role is None:
            yield _unconsumed(name, depth, reading, Remedy.CORRECT_SENDER)
        elif role is not RUNNER and (role.agent_type not in alive_types or growing):
            target = {"programs": role.program}
            up = role.agent_type in alive_types
            remedy = Remedy.RESTART_AGENTS if up else Remedy.START_AGENTS
            yield _unconsumed(name, depth, reading, remedy, target)
    yield from _growing(reading)


def _growing(reading: Reading) -> Iterator[Finding]:
    """Yield queues that outgrow their consumers; slices do by design: a run's verdict says so."""
    for name, growth in reading.growth.items():
        depth = reading.queues[name]
        if name == DEAD_LETTERS or role_of_queue(name) is WORKER or not depth.consumers:
            continue
        if growth > GROWTH_SHOWN and depth.waiting >= MANY:
            yield Finding(
                FindingCode.QUEUE_GROWING,
                Severity.WARNING,
                _queue(name),
                Remedy.WAIT,
                evidence=evidence(
                    waiting=(depth.waiting, "messages"),
                    growth=(round(growth, 2), "messages/s"),
                    consumers=depth.consumers,
                ),
            )


def _unconsumed(
    name: str,
    depth: QueueDepth,
    reading: Reading,
    remedy: Remedy,
    target: dict[str, str] | None = None,
) -> Finding:
    growth = reading.growth.get(name)
    return Finding(
        FindingCode.QUEUE_UNCONSUMED,
        Severity.WARNING,
        _queue(name),
        remedy,
        evidence=evidence(
            waiting=(depth.waiting, "messages"),
            growth=None if growth is None else (round(growth, 2), "messages/s"),
        ),
        target=dict(target or {}),
        symptom_of=FindingCode.AGENT_DOWN if remedy is Remedy.START_AGENTS else None,
    )


def _queue(name: str) -> Subject:
    return Subject(SubjectKind.QUEUE, name)
