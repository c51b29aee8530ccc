"""What was looked at, read once: every rule judges the same moment."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from monitor.health.liveness import (
    MONITOR_PARTS,
    Liveness,
    SeenAgent,
    agents_seen,
    liveness_of,
)
from monitor.health.programs import Programs, programs_of, testbed_of
from monitor.health.services import core_findings, hanging_broker, service_findings
from monitor.records.models import SystemAgent, WorkflowMessage
from orchestrator.process_health import process_findings
from orchestrator.queue_depths import QueueReader, Reading
from orchestrator.supervisord.orphans import process_exists
from swf_common_lib.findings import Finding, FindingCode
from swf_common_lib.roles import RUNNER

_AWAY = frozenset(
    {
        FindingCode.DATABASE_AWAY,
        FindingCode.BROKER_AWAY,
        FindingCode.MONITOR_AWAY,
        FindingCode.INGEST_AWAY,
        FindingCode.MCP_AWAY,
    }
)


@dataclass(frozen=True)
class Look:
    """The testbed at one moment, as far as its parts tell."""

    now: datetime
    agents: list[SeenAgent]
    """Agents heard of in the last 24 hours; parts of the monitor not."""
    parts: dict[str, SystemAgent]
    """The monitor's own rows among the agents, the newest of a type."""
    programs: Programs = field(default_factory=Programs)
    reading: Reading = field(default_factory=Reading)
    """Of the broker's queues."""
    findings: list[Finding] = field(default_factory=list)
    """What is wrong with services and processes."""

    @cached_property
    def codes(self) -> frozenset[FindingCode]:
        """The codes of what is wrong with services and processes."""
        return frozenset(one.code for one in self.findings)

    @property
    def broker_up(self) -> bool:
        """Whether the broker takes messages."""
        return self.broker_trouble is None

    @property
    def broker_trouble(self) -> FindingCode | None:
        """What keeps the broker from taking messages."""
        found = self.codes & {FindingCode.BROKER_AWAY, FindingCode.BROKER_HANGS}
        return min(found, default=None)

    @property
    def heard(self) -> bool:
        """Whether the monitor is there to hear of agents; else nobody knows whether they live."""
        return FindingCode.MONITOR_AWAY not in self.codes

    @cached_property
    def alive(self) -> list[SeenAgent]:
        """The agents that are alive, runners included."""
        return [agent for agent in self.agents if agent.alive]

    @cached_property
    def runners(self) -> list[str]:
        """Names of the runners that are alive."""
        return [a.name for a in self.alive if a.row.agent_type == RUNNER.agent_type]

    @cached_property
    def last_words(self) -> dict[str, datetime]:
        """When the newest message of each agent that is alive was received; in one query."""
        newest = WorkflowMessage.objects.filter(sender_agent=OuterRef("instance_name"))
        agents = SystemAgent.objects.filter(pk__in=[agent.row.pk for agent in self.alive])
        told = agents.annotate(at=Subquery(newest.order_by("-id").values("received_at")[:1]))
        return {name: at for name, at in told.values_list("instance_name", "at") if at is not None}

    @property
    def recorded(self) -> bool:
        """Whether what was sent is on record, so that what is not there was not sent."""
        return not self.codes & {FindingCode.INGEST_AWAY, FindingCode.INGEST_BEHIND}

    def alive_types(self, namespace: str | None = None) -> frozenset[str]:
        """Return the roles of which an agent is alive, in one namespace or in any."""
        return frozenset(
            a.row.agent_type
            for a in self.alive
            if namespace is None or a.row.namespace == namespace
        )

    def serving(self, agent_types: frozenset[str], besides: str) -> list[str]:
        """Return the namespaces but ``besides`` in which an agent of each type is alive."""
        agents = [a for a in self.alive if a.row.agent_type != RUNNER.agent_type]
        others = {a.row.namespace for a in agents} - {"", besides}
        return sorted(name for name in others if agent_types <= self.alive_types(name))


def take_look(queues: QueueReader, *, from_outside: bool) -> Look:
    """Look at services, processes, agents and queues.

    ``from_outside``: it is not the monitor itself that asks, so that may be away.
    Raises django.db.Error when the database does not answer: then nothing is known.
    """
    now = timezone.now()
    every = agents_seen(now, everything=True)
    parts = _newest(every)
    answers = list(service_findings(parts, now, from_outside=from_outside))
    processes = process_findings(settings.TESTBED)
    if not _ingest_lives(parts.get("ingest"), now):
        answers += [one for one in processes if one.code is FindingCode.INGEST_AWAY]
    findings = [*uncontradicted(processes, answers), *answers]
    broker_up = all(one.code is not FindingCode.BROKER_AWAY for one in findings)
    reading = queues.read() if broker_up else Reading()
    findings += hanging_broker(reading)
    return Look(
        now=now,
        agents=[agent for agent in every if agent.row.agent_type not in MONITOR_PARTS],
        parts=parts,
        programs=programs_of(settings.TESTBED),
        reading=reading,
        findings=findings,
    )


def _ingest_lives(row: SystemAgent | None, now: datetime) -> bool:
    """Return whether ingest lives: by its process where that is here, else by its heartbeats."""
    if row is None or liveness_of(row, now) is not Liveness.ALIVE:
        return False
    here = row.hostname == socket.gethostname()
    return not here or (row.pid is not None and process_exists(row.pid))


def uncontradicted(processes: list[Finding], answers: list[Finding]) -> list[Finding]:
    """Return findings about processes but those that a service is away which answers.

    It may have been started by hand, or have outlived its supervisord. Where a stranger has its
    port, an answer is the stranger's.
    """
    away = {one.code for one in answers}
    taken = {one.subject for one in processes if one.code is FindingCode.PORT_TAKEN}
    return [
        one
        for one in processes
        if one.code not in _AWAY or one.code in away or one.subject in taken
    ]


def take_short_look(*, from_outside: bool) -> Look:
    """Look at broker, monitor and agents alone: what decides whether an execution can go on."""
    now = timezone.now()
    return Look(
        now=now,
        agents=agents_seen(now),
        parts={},
        programs=testbed_of(settings.TESTBED),
        findings=list(core_findings(from_outside=from_outside)),
    )


def _newest(agents: list[SeenAgent]) -> dict[str, SystemAgent]:
    rows = [agent.row for agent in agents if agent.row.agent_type in MONITOR_PARTS]
    rows.sort(key=lambda row: (row.last_heartbeat is not None, row.last_heartbeat))
    return {row.agent_type: row for row in rows}
