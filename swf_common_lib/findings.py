"""What was found to need a hand, as values; each surface has its own sentences for them.

A finding is made by a rule from what was looked at, in ``orchestrator.process_health`` and
``monitor.health``. It travels as JSON through REST and is put into words where it is shown:
``monitor.web.finding_texts``, ``mcp_server.answers.finding_texts`` and
``orchestrator.cli.finding_texts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from swf_common_lib.remedies import Remedy as Remedy
from swf_common_lib.states import Word
from swf_common_lib.text import given, instant

Value = str | int | float | bool


class Severity(Word):
    """How urgent a finding is."""

    ERROR = "error"
    """Work stands still, is lost, or ended badly."""
    WARNING = "warning"
    """Work goes on, but not as it should."""
    NOTE = "note"
    """Worth knowing; nobody has to do anything."""


SEVERITIES = tuple(Severity)
"""The worst first."""


class SubjectKind(Word):
    """What kind of thing a finding is about."""

    SERVICE = "service"
    PROGRAM = "program"
    AGENT = "agent"
    NAMESPACE = "namespace"
    QUEUE = "queue"
    EXECUTION = "execution"
    RUN = "run"
    FILE = "file"
    HOST = "host"


@dataclass(frozen=True)
class Subject:
    """The thing that a finding is about."""

    kind: SubjectKind
    id: str


class FindingCode(Word):
    """What was found; the same code for the same trouble, whoever it befalls."""

    # Services and processes
    DATABASE_AWAY = "database_away"
    BROKER_AWAY = "broker_away"
    BROKER_HANGS = "broker_hangs"
    MONITOR_AWAY = "monitor_away"
    INGEST_AWAY = "ingest_away"
    INGEST_BEHIND = "ingest_behind"
    MCP_AWAY = "mcp_away"
    SWEEPER_QUIET = "sweeper_quiet"
    PORT_TAKEN = "port_taken"
    """Somebody else's program listens on a port of ours."""
    PROCESS_RESTARTING = "process_restarting"
    """It ends and is started again, again and again."""
    PROCESS_GIVEN_UP = "process_given_up"
    """supervisord tries no more."""
    PROCESS_DIED = "process_died"
    """It ended without being told to; supervisord has replaced it."""
    SUPERVISORD_AWAY = "supervisord_away"
    """Processes of ours live without the supervisord that started them."""
    # Agents
    RUNNER_MISSING = "runner_missing"
    RUNNERS_BUSY = "runners_busy"
    AGENT_DOWN = "agent_down"
    """Enabled in testbed.toml, and not up."""
    AGENT_SILENT = "agent_silent"
    AGENT_FROZEN = "agent_frozen"
    """Silent, though its process lives."""
    AGENT_LOST = "agent_lost"
    """It fell silent without a good-bye, and another one has taken its place."""
    AGENT_TROUBLED = "agent_troubled"
    """It reports WARNING or ERROR itself."""
    AGENTS_MISSING = "agents_missing"
    """Agents that an execution needs are not up in its namespace."""
    NAMESPACE_UNSERVED = "namespace_unserved"
    """No agent serves a namespace, while some serve another."""
    AGENTS_LATE = "agents_late"
    """They began after what they were to answer had been broadcast."""
    # Queues and messages
    QUEUE_UNCONSUMED = "queue_unconsumed"
    QUEUE_GROWING = "queue_growing"
    DEAD_LETTERS = "dead_letters"
    MESSAGES_REFUSED = "messages_refused"
    """The broker would not take them."""
    MESSAGES_NOT_UNDERSTOOD = "messages_not_understood"
    # Executions
    RUNNER_LOST = "runner_lost"
    LEASE_LAPSED = "lease_lapsed"
    WORKFLOW_RAISED = "workflow_raised"
    CONFIGURATION_UNUSABLE = "configuration_unusable"
    EXECUTION_FAILED = "execution_failed"
    NEVER_CLAIMED = "never_claimed"
    EXECUTION_STOPPED = "execution_stopped"
    EXECUTION_PAUSED = "execution_paused"
    STOP_NOT_HONOURED = "stop_not_honoured"
    PAUSE_NOT_HONOURED = "pause_not_honoured"
    CLOCK_STANDS_STILL = "clock_stands_still"
    ENDLESS_AT_FULL_SPEED = "endless_at_full_speed"
    START_REFUSED = "start_refused"
    CONFIGURATION_BROKEN = "configuration_broken"
    """A file of configuration that cannot be used."""
    # Runs and their work
    WORK_UNANSWERED = "work_unanswered"
    """An agent lives, and does not answer what it was sent."""
    WORK_ABANDONED = "work_abandoned"
    """Slices are unfinished, and nobody works on them."""
    STFS_MISSING = "stfs_missing"
    """Fewer STFs were made than asked for."""
    STFS_UNREGISTERED = "stfs_unregistered"
    STF_GAP = "stf_gap"
    STF_CADENCE_STOPPED = "stf_cadence_stopped"
    RUN_NOT_CLOSED = "run_not_closed"
    RUN_NOT_STARTED = "run_not_started"
    """Slices wait for a run that nobody announced."""
    SLICES_FAILED = "slices_failed"
    WORKERS_TOO_FEW = "workers_too_few"
    # The host
    DISK_NEAR_FULL = "disk_near_full"
    DATABASE_NEAR_LIMIT = "database_near_limit"
    CLOCKS_APART = "clocks_apart"
    VERSIONS_APART = "versions_apart"


@dataclass(frozen=True)
class Evidence:
    """A named figure or fact that was seen; ``unit`` is empty for what has none."""

    name: str
    value: Value
    unit: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that needs a hand, or is worth knowing."""

    code: FindingCode
    severity: Severity
    subject: Subject
    remedy: Remedy
    since: datetime | None = None
    """Since when it has been so; None where nobody knows."""
    evidence: tuple[Evidence, ...] = ()
    target: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    """What the remedy is carried out on: ``programs``, ``execution_id``, ``workers``, ..."""
    symptom_of: FindingCode | None = None
    """The code of the finding that causes this one."""

    def fact(self, name: str, default: Value = "") -> Value:
        """Return the value of the evidence ``name``."""
        return next((one.value for one in self.evidence if one.name == name), default)

    def as_json(self) -> dict[str, Any]:
        """Return it in a form that JSON can carry."""
        return given(
            code=self.code.value,
            severity=self.severity.value,
            subject={"kind": self.subject.kind.value, "id": self.subject.id},
            since=instant(self.since),
            evidence={
                one.name: given(value=one.value, unit=one.unit) | {"value": one.value}
                for one in self.evidence
            },
            remedy=self.remedy.value,
            target=dict(self.target),
            symptom_of=self.symptom_of.value if self.symptom_of else None,
        )

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Finding:
        """Read what ``as_json`` wrote. Raises KeyError or ValueError for what it did not write."""
        since, cause = told.get("since"), told.get("symptom_of")
        return cls(
            code=FindingCode(told["code"]),
            severity=Severity(told["severity"]),
            subject=Subject(SubjectKind(told["subject"]["kind"]), told["subject"]["id"]),
            remedy=Remedy(told["remedy"]),
            since=datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None,
            evidence=tuple(
                Evidence(name, seen["value"], seen.get("unit", ""))
                for name, seen in told.get("evidence", {}).items()
            ),
            target=told.get("target", {}),
            symptom_of=FindingCode(cause) if cause else None,
        )


def evidence(**figures: Value | tuple[Value | None, str] | None) -> tuple[Evidence, ...]:
    """Return evidence from named values, those with a unit as pairs; None is left out."""
    seen = []
    for name, figure in figures.items():
        value, unit = figure if isinstance(figure, tuple) else (figure, "")
        if value is not None and value != "":
            seen.append(Evidence(name, value, unit))
    return tuple(seen)


def _identity(finding: Finding) -> tuple[Any, ...]:
    """Return what makes two findings the same: code, subject, and what the remedy is done to."""
    return finding.code, finding.subject, str(finding.target.get("programs", ""))


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Return each finding once, the worst first, a symptom below its cause.

    ``symptom_of`` is kept only where the cause was found as well.
    """
    unique = {_identity(one): one for one in reversed(list(findings))}
    codes = {one.code for one in unique.values()}
    known = [
        one if one.symptom_of in codes else replace(one, symptom_of=None)
        for one in reversed(unique.values())
    ]
    return sorted(
        known, key=lambda one: (one.symptom_of is not None, SEVERITIES.index(one.severity))
    )
