"""The rules that make findings of what was seen of a host's processes.

They observe nothing themselves: ``orchestrator.process_health`` does.
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


class SupervisordAnswer(str, Enum):
    """How a supervisord answered."""

    GIVEN = "given"
    ENDING = "ending"
    """It is about to end, as it was told."""
    LATE = "late"
    """Its process lives, and did not answer in time."""
    NONE = "none"


@dataclass(frozen=True)
class ObservedProgram:
    """The observed state of a program of supervisord."""

    name: str
    process: Process | None = None
    """None while no supervisord answers for it."""
    history: History = field(default_factory=History)
    port: int = 0
    """The port on which it is to listen; 0 for none."""
    stranger: Stranger | None = None
    """Who has that port in its place."""
    port_setting: str = ""
    """The setting of that port; empty for none."""
    frozen: bool = False
    """Whether its process was stopped by a signal: it exists, and does nothing."""


@dataclass(frozen=True)
class ObservedSupervisord:
    """The observed state of one supervisord and its programs."""

    services: bool
    """Whether its programs are the services; otherwise they are runner and agents."""
    answer: SupervisordAnswer
    programs: Sequence[ObservedProgram]
    daemon_pid: int = 0
    """0 when it is gone."""
    orphans: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """While it does not answer: the program of each of its living processes, by process id."""

    def is_down(self, program: ObservedProgram) -> bool:
        """Return whether a program has no process."""
        if program.process is None:
            return program.name not in self.orphans.values()
        return program.process.state in _DOWN

    @property
    def is_stopped(self) -> bool:
        """Return whether nothing of it runs: neither supervisord nor a program."""
        return self.answer is SupervisordAnswer.NONE and not self.orphans

    def subject(self, program: ObservedProgram) -> Subject:
        """Return who a finding about a program is about."""
        return Subject(SubjectKind.SERVICE if self.services else SubjectKind.PROGRAM, program.name)


def findings_of(observed: ObservedSupervisord, now: datetime) -> Iterator[Finding]:
    """Yield the findings about what was observed."""
    if observed.answer is SupervisordAnswer.ENDING:
        return
    if observed.orphans:
        yield _supervisord_away(observed)
    if observed.answer is SupervisordAnswer.LATE:
        return  # nobody knows how its programs stand
    for program in observed.programs:
        found = list(_program_findings(observed, program, now))
        yield from found
        if observed.services and program.frozen:
            yield _service_frozen(program)
        elif observed.services and observed.is_down(program):
            yield _service_away(observed, program, found)


def _supervisord_away(observed: ObservedSupervisord) -> Finding:
    restart = Remedy.RESTART_SERVICES if observed.services else Remedy.RESTART_AGENTS
    return Finding(
        FindingCode.SUPERVISORD_AWAY,
        Severity.WARNING,
        Subject(SubjectKind.SERVICE, "services" if observed.services else "agents"),
        Remedy.WAIT if observed.daemon_pid else restart,
        evidence=evidence(
            processes=len(observed.orphans),
            programs=", ".join(sorted(set(observed.orphans.values()))),
            pid=observed.daemon_pid or None,
        ),
    )


def _program_findings(
    observed: ObservedSupervisord, program: ObservedProgram, now: datetime
) -> Iterator[Finding]:
    taken = FindingCode.PORT_TAKEN if program.stranger else None
    if program.stranger:
        yield _port_taken(observed, program, program.stranger)
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
        code, severity, ends = FindingCode.PROCESS_DIED, Severity.NOTE, died
    else:
        return
    yield Finding(
        code,
        severity,
        observed.subject(program),
        Remedy.READ_LOG,
        since=ends[0].at if ends else process.ended_at,
        evidence=_of_deaths(process, ends),
        target=target,
        symptom_of=taken,
    )


def _port_taken(
    observed: ObservedSupervisord, program: ObservedProgram, stranger: Stranger
) -> Finding:
    return Finding(
        FindingCode.PORT_TAKEN,
        Severity.ERROR,
        observed.subject(program),
        Remedy.FREE_PORT,
        evidence=evidence(
            port=program.port, pid=stranger.pid or None, process=stranger.name or None
        ),
        target={
            "port": program.port,
            "service": program.name,
            "setting": program.port_setting,
        },
    )


def _service_away(
    observed: ObservedSupervisord, program: ObservedProgram, found: Sequence[Finding]
) -> Finding:
    code, severity = _AWAY[program.name]
    cause = next((one.code for one in found if one.symptom_of is None), None)
    if cause is None and observed.orphans:
        cause = FindingCode.SUPERVISORD_AWAY  # it would have started it again
    if cause is None and observed.is_stopped and code is not FindingCode.MONITOR_AWAY:
        cause = FindingCode.MONITOR_AWAY  # nothing was started: that is one trouble, not five
    end, process = program.history.end, program.process
    return Finding(
        code,
        severity,
        _service(code, program),
        Remedy.START_SERVICES,
        since=end.at if end else (process.ended_at if process else None),
        evidence=_of_end(program, end),
        target={"service": program.name},
        symptom_of=cause,
    )


def _service(code: FindingCode, program: ObservedProgram) -> Subject:
    """Return the service that a program of supervisord serves, by the name that all know it by."""
    name = "database" if code is FindingCode.DATABASE_AWAY else program.name
    return Subject(SubjectKind.SERVICE, name)


def _service_frozen(program: ObservedProgram) -> Finding:
    """Return that a service hangs: a start would take it for up."""
    code, severity = _AWAY[program.name]
    if code is FindingCode.BROKER_AWAY:
        code = FindingCode.BROKER_HANGS  # it keeps the connections that it has
    return Finding(
        code,
        severity,
        _service(code, program),
        Remedy.RESTART_SERVICES,
        evidence=evidence(
            state="frozen",
            pid=program.process.pid if program.process else None,
            how="stopped by a signal",
        ),
        target={"service": program.name},
    )


def _of_end(program: ObservedProgram, end: End | None) -> tuple[Evidence, ...]:
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


def _deaths(program: ObservedProgram, since: datetime) -> list[End]:
    return [end for end in program.history.deaths if end.at >= since]
