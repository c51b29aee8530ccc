"""Whether what a run makes is taken on: each kind of message has a role that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from monitor.diagnosis.course import again, execution
from monitor.diagnosis.execution_look import ExecutionLook, asked_last
from monitor.diagnosis.steps import Step, steps_of
from monitor.health.agents import is_frozen
from monitor.health.liveness import SeenAgent
from monitor.health.look import Look
from monitor.health.queues import waiting_for_role
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    evidence,
)
from swf_common_lib.roles import DATA, WORKER
from swf_common_lib.states import OperationalState

QUIET = timedelta(seconds=5)
"""After this long without a message, what is not answered is not being worked on."""
NAMED = 5
"""Other namespaces that are named."""


def with_last_asked(looks: list[ExecutionLook]) -> list[ExecutionLook]:
    """Return the looks with when each role was last asked for something that lacks.

    In a query for each kind of message, however many executions there are.
    """
    lacking: dict[str, set[str]] = {}
    for seen in looks:
        for step in steps_of(seen):
            if step.missing and step.role.hears_broadcasts and not seen.processed:
                lacking.setdefault(step.role.consumes, set()).add(seen.id)
    asked = {kind: asked_last(sorted(ids), kind) for kind, ids in lacking.items()}
    return [
        replace(seen, last_asked={k: at[seen.id] for k, at in asked.items() if seen.id in at})
        for seen in looks
    ]


def work_findings(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    """Yield which steps of an execution's work do not go on."""
    if seen.processed or not look.heard:
        return  # done; or nothing is known of agents, and that is said already
    steps = [step for step in steps_of(seen) if step.missing or not seen.ended]
    there = [a for a in look.agents if a.row.namespace == seen.execution.namespace]
    absent: list[Step] = []
    held: dict[str, SeenAgent] = {}
    for step in steps:
        every = [agent for agent in there if agent.row.agent_type == step.role.agent_type]
        agents = [agent for agent in every if agent.current]
        alive = [agent for agent in agents if agent.alive]
        if alive:
            yield from _unanswered(step, every, alive[0], seen, look)
        elif not agents or (step.missing and any(a.silent for a in agents)):
            absent.append(step)
            if agents:
                held[step.role.agent_type] = agents[0]
    if absent:
        yield _absent(absent, held, seen, look)


def _absent(
    steps: list[Step], held: dict[str, SeenAgent], seen: ExecutionLook, look: Look
) -> Finding:
    """Return that roles are not up which the execution needs.

    It is an error where something was asked of them already. ``held``: an agent of those roles of
    which one fell silent without a good-bye, so that the broker keeps what was broadcast for it.
    """
    row = seen.execution
    kinds = frozenset(step.role.agent_type for step in steps)
    missing = [step for step in steps if step.missing]
    elsewhere = look.serving(kinds, besides=row.namespace)
    served_here = look.programs.testbed
    programs = ", ".join(step.role.program for step in steps)
    # A broadcast is heard by those who are there; slices wait in their queue.
    gone = [
        step for step in missing if step.role.hears_broadcasts and step.role.agent_type not in held
    ]
    frozen = any(is_frozen(agent) for agent in held.values())
    remedy = Remedy.START_AGENTS_THEN_AGAIN if gone else Remedy.START_AGENTS
    if frozen:
        remedy = Remedy.RESTART_AGENTS  # its process is there: a start alone changes nothing
    if served_here is not None and served_here.namespace != row.namespace:
        remedy = Remedy.START_IN_SERVED_NAMESPACE
    target: dict[str, Any] = {**again(seen), "programs": programs}
    if served_here is not None:
        target["served_namespace"] = elsewhere[0] if elsewhere else served_here.namespace
    return Finding(
        FindingCode.WORK_ABANDONED if seen.ended else FindingCode.AGENTS_MISSING,
        Severity.ERROR if missing else Severity.WARNING,
        execution(seen),
        remedy,
        since=seen.last_heard,
        evidence=evidence(
            roles=", ".join(sorted(kinds)),
            namespace=row.namespace,
            effect="; ".join(step.role.effect_if_absent for step in steps),
            elsewhere=", ".join(elsewhere[:NAMED]),
            **_counts(missing),
            **_queued(steps, look),
        ),
        target=target,
        symptom_of=_cause_of_absence(held, seen, frozen=frozen),
    )


def _cause_of_absence(
    held: dict[str, SeenAgent], seen: ExecutionLook, *, frozen: bool
) -> FindingCode | None:
    """Return what explains it: who stopped an execution may well have stopped its agents too."""
    if frozen:
        return FindingCode.AGENT_FROZEN
    if seen.stopped:
        return FindingCode.EXECUTION_STOPPED
    return FindingCode.AGENT_SILENT if held else None


def _counts(steps: list[Step]) -> dict[str, Any]:
    """Return how much of each step was asked for and not answered, as evidence."""
    counts: dict[str, Any] = {}
    for step in steps:
        counts[f"{step.role.agent_type}_unanswered"] = (step.missing, step.unit)
        counts[f"{step.role.agent_type}_asked"] = (step.asked, step.unit)
    return counts


def _queued(steps: list[Step], look: Look) -> dict[str, Any]:
    waiting = sum(waiting_for_role(look.reading, step.role.agent_type) for step in steps)
    return {"queued": (waiting, "messages")} if waiting else {}


def _unanswered(
    step: Step,
    there: list[SeenAgent],
    alive: SeenAgent,
    seen: ExecutionLook,
    look: Look,
) -> Iterator[Finding]:
    """Yield messages without an answer though an agent lives; ``there``: also those that ended."""
    if not step.missing or not look.recorded:
        return  # nobody knows what was answered meanwhile, and that is said already
    if _began_too_late(step, there, seen):
        yield Finding(
            FindingCode.AGENTS_LATE,
            Severity.ERROR,
            execution(seen),
            Remedy.START_AGAIN,
            since=alive.row.first_seen,
            evidence=evidence(agent=alive.name, message=step.role.consumes, **_counts([step])),
            target=again(seen),
        )
        return
    patience = _patience(step, seen)
    quiet = _quiet_since(there, seen, look)
    if step.busy or quiet is None or look.now - quiet <= patience:
        return
    yield Finding(
        FindingCode.STFS_UNREGISTERED if step.role is DATA else FindingCode.WORK_UNANSWERED,
        Severity.ERROR if seen.ended else Severity.WARNING,
        execution(seen),
        Remedy.RESTART_AGENTS,
        since=quiet,
        evidence=evidence(
            agent=alive.name,
            message=step.role.consumes,
            quiet_for=(round((look.now - quiet).total_seconds(), 1), "s"),
            **_counts([step]),
        ),
        target={"agent": alive.name, "programs": step.role.program, "execution_id": seen.id},
        symptom_of=FindingCode.AGENT_FROZEN if is_frozen(alive) else None,
    )


def _began_too_late(step: Step, there: list[SeenAgent], seen: ExecutionLook) -> bool:
    """Return whether nobody heard the last message that the step was to answer.

    All agents began after it, or the last that was there before had said good-bye, and ended its
    subscription. One that was killed left that: whoever comes after it gets what is in there.
    Slices wait in a queue, for whoever comes.
    """
    asked = seen.last_asked.get(step.role.consumes)
    if asked is None or not step.role.hears_broadcasts:
        return False
    before = [agent.row for agent in there if agent.row.first_seen <= asked]
    if not before:
        return True
    last = max(before, key=lambda row: row.first_seen)
    ended = last.operational_state == OperationalState.EXITED
    return ended and last.last_heartbeat is not None and last.last_heartbeat < asked


def _quiet_since(there: list[SeenAgent], seen: ExecutionLook, look: Look) -> datetime | None:
    """Return since when nothing was heard of the execution, nor of the agents that it waits for.

    An agent that works off what other executions sent before answers this one in its turn.
    """
    if seen.last_heard is None:
        return None
    words = [look.last_words.get(agent.name) for agent in there if agent.alive]
    return max([seen.last_heard, *(word for word in words if word is not None)])


def _patience(step: Step, seen: ExecutionLook) -> timedelta:
    """Return how long nothing may happen: workers are silent while they start, and at a slice."""
    if step.role is not WORKER or seen.fast is None or not seen.speed:
        return QUIET
    wait = seen.fast.slice_processing_time + seen.fast.worker_rampup_time
    return QUIET + timedelta(seconds=wait / seen.speed)
