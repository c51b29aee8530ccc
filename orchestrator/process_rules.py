"""The rules that make findings of what was seen of a host's processes.

They look at nothing themselves: ``orchestrator.process_health`` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from types import MappingProxyType

from orchestrator.listeners import Stranger
from orchestrator.supervisord.log import End, History
from orchestrator.supervisord.process import Process
from swf_common_lib.findings import (
    Evidence,
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)

RESTARTS = 3
"""From so many ends on that nobody ordered, within ``RESTARTS_WITHIN``, a program restarts."""
RESTARTS_WITHIN = timedelta(minutes=10)
DIED_WITHIN = timedelta(hours=1)
"""For so long it is told that a program died and was replaced."""

_DOWN = ("STOPPED", "EXITED", "FATAL", "BACKOFF", "UNKNOWN")
_AWAY: Mapping[str, tuple[FindingCode, Severity]] = MappingProxyType(
    {
        "web": (FindingCode.MONITOR_AWAY, Severity.ERROR),
        "postgres": (FindingCode.DATABASE_AWAY, Severity.ERROR),
        "broker": (FindingCode.BROKER_AWAY, Severity.ERROR),
        "ingest": (FindingCode.INGEST_AWAY, Severity.ERROR),
        "mcp": (FindingCode.MCP_AWAY, Severity.WARNING),
    }
)
"""What the absence of a service is; the monitor first, without which nobody knows anything."""


class Answer(str, Enum):
    """How a supervisord answered."""

    GIVEN = "given"
    ENDING = "ending"
    """It is about to end, as it was told."""
    LATE = "late"
    """Its process lives, and did not answer in time."""
    NONE = "none"


@dataclass(frozen=True)
class Program:
    """What was seen of a program of supervisord."""

    name: str
    process: Process | None = None
    """None while no supervisord answers for it."""
    history: History = field(default_factory=History)
    port: int = 0
    """The port on which it is to listen; 0 for none."""
    stranger: Stranger | None = None
    """Who has that port in its place."""


@dataclass(frozen=True)
class Host:
    """What was seen of one supervisord and its programs."""

    services: bool
    """Whether its programs are the services; otherwise they are runner and agents."""
    answer: Answer
    programs: Sequence[Program]
    daemon_pid: int = 0
    """0 when it is gone."""
    orphans: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """While it does not answer: the program of each of its living processes, by process id."""

    def is_down(self, program: Program) -> bool:
        """Return whether a program has no process."""
        if program.process is None:
            return program.name not in self.orphans.values()
        return program.process.state in _DOWN

    @property
    def is_stopped(self) -> bool:
        """Whether nothing of it runs: neither supervisord nor a program."""
        return self.answer is Answer.NONE and not self.orphans

    def subject(self, program: Program) -> Subject:
        """Return who a finding about a program is about."""
        return Subject(SubjectKind.SERVICE if self.services else SubjectKind.PROGRAM, program.name)


def findings_of(host: Host, now: datetime) -> Iterator[Finding]:
    """Yield what needs a hand among what was seen."""
    if host.answer is Answer.ENDING:
        return
    if host.orphans:
        yield _supervisord_away(host)
    if host.answer is Answer.LATE:
        return  # nobody knows how its programs stand
    for program in host.programs:
        found = list(_program_findings(host, program, now))
        yield from found
        if host.services and host.is_down(program):
            yield _service_away(host, program, found)


def _supervisord_away(host: Host) -> Finding:
    restart = Remedy.RESTART_SERVICES if host.services else Remedy.RESTART_AGENTS
    return Finding(
        FindingCode.SUPERVISORD_AWAY,
        Severity.WARNING,
        Subject(SubjectKind.SERVICE, "services" if host.services else "agents"),
        Remedy.WAIT if host.daemon_pid else restart,
        evidence=evidence(
            processes=len(host.orphans),
            programs=", ".join(sorted(set(host.orphans.values()))),
            pid=host.daemon_pid or None,
        ),
    )


def _program_findings(host: Host, program: Program, now: datetime) -> Iterator[Finding]:
    taken = FindingCode.PORT_TAKEN if program.stranger else None
    if program.stranger:
        yield _port_taken(host, program, program.stranger)
    process = program.process
    if process is None:
        return
    recent = _deaths(program, now - RESTARTS_WITHIN)
    died = [end for end in _deaths(program, now - DIED_WITHIN) if end.was_up]
    target: dict[str, str] = {"program": program.name}
    if process.state == "FATAL":
        code, severity, ends = FindingCode.PROCESS_GIVEN_UP, Severity.ERROR, recent
    elif process.state == "BACKOFF" or (len(recent) >= RESTARTS and process.state != "STOPPED"):
        code, severity, ends = FindingCode.PROCESS_RESTARTING, Severity.ERROR, recent
    elif died and process.up:
        severity = Severity.WARNING if host.services else Severity.NOTE
        code, ends = FindingCode.PROCESS_DIED, died
    else:
        return
    yield Finding(
        code,
        severity,
        host.subject(program),
        Remedy.READ_LOG,
        since=ends[0].at if ends else process.ended_at,
        evidence=_of_deaths(process, ends),
        target=target,
        symptom_of=taken,
    )


def _port_taken(host: Host, program: Program, stranger: Stranger) -> Finding:
    return Finding(
        FindingCode.PORT_TAKEN,
        Severity.ERROR,
        host.subject(program),
        Remedy.FREE_PORT,
        evidence=evidence(
            port=program.port, pid=stranger.pid or None, process=stranger.name or None
        ),
        target={"port": program.port, "service": program.name},
    )


def _service_away(host: Host, program: Program, found: Sequence[Finding]) -> Finding:
    code, severity = _AWAY[program.name]
    cause = next((one.code for one in found if one.symptom_of is None), None)
    if cause is None and host.orphans:
        cause = FindingCode.SUPERVISORD_AWAY  # it would have started it again
    if cause is None and host.is_stopped and code is not FindingCode.MONITOR_AWAY:
        cause = FindingCode.MONITOR_AWAY  # nothing was started: that is one trouble, not five
    end, process = program.history.end, program.process
    return Finding(
        code,
        severity,
        host.subject(program),
        Remedy.START_SERVICES,
        since=end.at if end else (process.ended_at if process else None),
        evidence=_of_end(program, end),
        target={"service": program.name},
        symptom_of=cause,
    )


def _of_end(program: Program, end: End | None) -> tuple[Evidence, ...]:
    state = program.process.state if program.process else None
    if end is None:
        return evidence(state=state)
    return evidence(state=state, stopped_in_order=end.orderly, how=end.how or None)


def _of_deaths(process: Process, ends: Sequence[End]) -> tuple[Evidence, ...]:
    if not ends:
        return evidence(state=process.state, said=process.description)
    last = ends[-1]
    return evidence(
        state=process.state, times=len(ends), last_at=last.at.isoformat(), how=last.how or None
    )


def _deaths(program: Program, since: datetime) -> list[End]:
    return [end for end in program.history.deaths if end.at >= since]
