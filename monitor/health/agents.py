"""What is wrong with agents: down, silent, frozen, lost, or troubled by their own word."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from django.conf import settings

from monitor.health.liveness import SeenAgent
from monitor.health.programs import Programs
from monitor.records.models import SystemAgent
from orchestrator.process_health import last_end_of
from orchestrator.supervisord.orphans import process_exists, process_is_stopped
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)
from swf_common_lib.roles import ROLES
from swf_common_lib.text import short

RECENT = timedelta(hours=1)
"""A loss that was made good is worth a note for so long."""
_PIDS = 2**31
_TROUBLED = (SystemAgent.Status.ERROR, SystemAgent.Status.WARNING)


def agent_findings(
    agents: list[SeenAgent],
    programs: Programs,
    needed: Collection[str],
    now: datetime,
    *,
    broker_up: bool,
) -> Iterator[Finding]:
    """Yield what is wrong with agents; ``needed``: namespaces with unfinished work."""
    yield from _down(agents, programs)
    for agent in agents:
        yield from findings_on(agent, needed, now, broker_up=broker_up)


def findings_on(
    agent: SeenAgent, needed: Collection[str], now: datetime, *, broker_up: bool
) -> Iterator[Finding]:
    """Yield what is wrong with one agent; ``needed``: namespaces with unfinished work."""
    if agent.exited:
        return
    yield from _refused(agent, now)
    frozen = is_frozen(agent)
    if agent.replaced_by and not frozen:
        yield from _lost_agent(agent, now)
    elif agent.silent or frozen:
        yield _silent(agent, needed)
    elif agent.alive and (broker_up or agent.row.mq_connected is not False):
        yield from _troubled(agent)


def _down(agents: list[SeenAgent], programs: Programs) -> Iterator[Finding]:
    namespace = programs.testbed.namespace if programs.testbed else ""
    alive = {a.row.agent_type for a in agents if a.alive and a.row.namespace in (namespace, "")}
    for kind, program in programs.down().items():
        if kind in alive:
            continue
        end = last_end_of(settings.TESTBED, program)
        yield Finding(
            FindingCode.AGENT_DOWN,
            Severity.WARNING,
            Subject(SubjectKind.PROGRAM, program),
            Remedy.START_AGENTS,
            since=end.at if end else None,
            evidence=evidence(
                effect=ROLES[kind].effect_if_absent,
                ended=("in order" if end.orderly else end.how) if end else None,
            ),
            target={"programs": program},
        )


def _silent(agent: SeenAgent, needed: Collection[str]) -> Finding:
    row = agent.row
    role = ROLES.get(row.agent_type)
    here = row.hostname == socket.gethostname()
    frozen = is_frozen(agent)
    target: dict[str, Any] = {"agent": row.instance_name}
    remedy = Remedy.READ_LOG
    if here and role is not None:
        target["programs"] = role.program
        remedy = Remedy.RESTART_AGENTS if frozen else Remedy.START_AGENTS
    urgent = row.namespace in needed or not row.namespace
    return Finding(
        FindingCode.AGENT_FROZEN if frozen else FindingCode.AGENT_SILENT,
        Severity.ERROR if urgent else Severity.WARNING,
        Subject(SubjectKind.AGENT, row.instance_name),
        remedy,
        since=row.last_heartbeat,
        evidence=evidence(
            silent_for=None if agent.age is None else (round(agent.age, 1), "s"),
            interval=(row.heartbeat_interval, "s"),
            host=row.hostname,
            pid=row.pid,
            effect=role.effect_if_absent if role else None,
        ),
        target=target,
    )


def _lost_agent(agent: SeenAgent, now: datetime) -> Iterator[Finding]:
    """Yield an agent that fell silent without a good-bye and was replaced, for an hour."""
    heard = agent.row.last_heartbeat
    if heard is None or now - heard > RECENT:
        return
    yield Finding(
        FindingCode.AGENT_LOST,
        Severity.NOTE,
        Subject(SubjectKind.AGENT, agent.name),
        Remedy.READ_LOG,
        since=heard,
        evidence=evidence(
            replaced_by=agent.replaced_by,
            pid=agent.row.pid,
            slices_in_hand=_in_hand(agent.row),
        ),
        target={"agent": agent.name},
    )


def _in_hand(row: SystemAgent) -> tuple[int, str] | None:
    """Return the slices that a worker process had when it was last heard of."""
    count = row.metadata.get("slices_in_hand")
    return (count, "slices") if isinstance(count, int) and count else None


def _refused(agent: SeenAgent, now: datetime) -> Iterator[Finding]:
    """Yield what the broker would not take of an agent within the hour."""
    count, at = (agent.row.metadata.get(key) for key in ("messages_refused", "last_refusal_at"))
    if not isinstance(count, int) or not isinstance(at, int | float):
        return
    if now.timestamp() - at > RECENT.total_seconds():
        return
    yield Finding(
        FindingCode.MESSAGES_REFUSED,
        Severity.ERROR,
        Subject(SubjectKind.AGENT, agent.name),
        Remedy.READ_LOG,
        since=datetime.fromtimestamp(at, timezone.utc),
        evidence=evidence(
            count=(count, "messages"),
            error=short(str(agent.row.metadata.get("last_refusal", "")), 300),
        ),
        target={"agent": agent.name},
    )


def _troubled(agent: SeenAgent) -> Iterator[Finding]:
    if agent.row.status not in _TROUBLED:
        return
    yield Finding(
        FindingCode.AGENT_TROUBLED,
        Severity.WARNING,
        Subject(SubjectKind.AGENT, agent.name),
        Remedy.READ_LOG,
        evidence=evidence(reports=agent.row.status, description=agent.row.description[:300]),
        target={"agent": agent.name},
    )


def is_frozen(agent: SeenAgent) -> bool:
    """Return whether an agent's process is there and does nothing: it is stopped, or silent.

    Only of an agent on this host is that known.
    """
    row = agent.row
    if row.hostname != socket.gethostname() or row.pid is None or not 0 < row.pid < _PIDS:
        return False
    return process_is_stopped(row.pid) or (agent.silent and process_exists(row.pid))
