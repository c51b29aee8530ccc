"""How the services stand, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

from monitor.executions.announcer import announcer
from monitor.health.liveness import Liveness, liveness_of
from monitor.health.probe import answers
from monitor.records.models import SystemAgent
from orchestrator.queue_depths import Reading
from swf_common_lib.database_url import parse_database_url
from swf_common_lib.findings import (
    SEVERITIES,
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)

SERVICES = ("database", "broker", "ingest", "web", "mcp")
"""Services that every installation has, in the order in which they need one another."""
SLOW_LAG = 10.0
"""Seconds that ingest may be behind before that is a finding."""


def service(name: str) -> Subject:
    """Return the subject of a finding about a service."""
    return Subject(SubjectKind.SERVICE, name)


def service_findings(
    parts: Mapping[str, SystemAgent], now: datetime, *, from_outside: bool
) -> Iterator[Finding]:
    """Yield what is wrong with services, as they answer.

    ``parts``: the monitor's own rows among the agents, the newest of a type.
    ``from_outside``: it is not the monitor itself that asks, so that may be away.
    """
    yield from core_findings(from_outside=from_outside)
    yield from _ingest(parts.get("ingest"), now)
    yield from _sweeper(parts.get("sweeper"), now)
    if settings.TESTBED.swf_services == "local" and not answers(_mcp_health()):
        address = settings.TESTBED.swf_mcp_url
        yield _away(FindingCode.MCP_AWAY, "mcp", Severity.WARNING, address=address)


def core_findings(*, from_outside: bool) -> Iterator[Finding]:
    """Yield whether broker and monitor are away: without them nothing goes on."""
    bus = announcer().status()
    if not bus.connected:
        address = announcer().address
        yield _away(FindingCode.BROKER_AWAY, "broker", address=address, error=bus.detail)
    if from_outside and not answers(f"{settings.TESTBED.swf_monitor_url}/healthz"):
        yield _away(FindingCode.MONITOR_AWAY, "web", address=settings.TESTBED.swf_monitor_url)


def hanging_broker(reading: Reading) -> Iterator[Finding]:
    """Yield a broker that keeps the connections it has, and greets nobody any more."""
    if reading.unreachable:
        yield Finding(
            FindingCode.BROKER_HANGS,
            Severity.ERROR,
            service("broker"),
            Remedy.RESTART_SERVICES,
            evidence=evidence(error=reading.unreachable),
            target={"service": "broker"},
        )


def service_states(findings: list[Finding], parts: Mapping[str, SystemAgent]) -> dict[str, Any]:
    """Return ``status`` and facts of each service, its status from what was found of it."""
    facts = _facts(parts)
    worst: dict[str, Severity] = {}
    for one in findings:
        if one.subject.kind is SubjectKind.SERVICE and one.severity is not Severity.NOTE:
            other = worst.get(one.subject.id, one.severity)
            worst[one.subject.id] = min(one.severity, other, key=SEVERITIES.index)
    return {
        name: {"status": worst[name].value if name in worst else "ok", **facts.get(name, {})}
        for name in SERVICES
    }


def _facts(parts: Mapping[str, SystemAgent]) -> dict[str, dict[str, Any]]:
    ingest = parts.get("ingest")
    return {
        "database": {"detail": _database()},
        "broker": {"detail": announcer().address},
        "ingest": {"detail": ingest.description, **ingest.metadata} if ingest else {},
        "web": {"detail": settings.TESTBED.swf_monitor_url},
        "mcp": {"detail": settings.TESTBED.swf_mcp_url},
    }


def _database() -> str:
    version = ".".join(str(part) for part in connection.get_database_version())
    detail = f"{connection.display_name} {version}"
    if settings.TESTBED.swf_database_url:
        detail += f": {parse_database_url(settings.TESTBED.swf_database_url)}"
    return detail


def _mcp_health() -> str:
    return settings.TESTBED.swf_mcp_url.removesuffix("/mcp") + "/healthz"


def _ingest(row: SystemAgent | None, now: datetime) -> Iterator[Finding]:
    if row is None or row.last_heartbeat is None:
        yield _away(FindingCode.INGEST_AWAY, "ingest")
        return
    liveness = liveness_of(row, now)
    if liveness in (Liveness.EXITED, Liveness.SILENT):
        age = (now - row.last_heartbeat).total_seconds()
        yield _away(
            FindingCode.INGEST_AWAY,
            "ingest",
            since=row.last_heartbeat,
            liveness=liveness.value,
            silent_for=(round(age, 1), "s"),
        )
        return
    lag = row.metadata.get("lag_seconds")
    if isinstance(lag, int | float) and lag > SLOW_LAG:
        yield Finding(
            FindingCode.INGEST_BEHIND,
            Severity.WARNING,
            service("ingest"),
            Remedy.READ_LOG,
            evidence=evidence(lag=(round(float(lag), 1), "s")),
            target={"program": "ingest"},
        )
    if row.mq_connected is False:
        yield Finding(
            FindingCode.INGEST_AWAY,
            Severity.WARNING,
            service("ingest"),
            Remedy.WAIT,
            since=row.last_heartbeat,
            evidence=evidence(liveness=liveness.value, error=row.description),
            symptom_of=FindingCode.BROKER_AWAY,
        )


def _sweeper(row: SystemAgent | None, now: datetime) -> Iterator[Finding]:
    if row is None or row.last_heartbeat is None or liveness_of(row, now) is not Liveness.SILENT:
        return
    yield Finding(
        FindingCode.SWEEPER_QUIET,
        Severity.ERROR,
        service("web"),
        Remedy.RESTART_SERVICES,
        since=row.last_heartbeat,
        evidence=evidence(silent_for=(round((now - row.last_heartbeat).total_seconds(), 1), "s")),
        target={"service": "web"},
        symptom_of=FindingCode.MONITOR_AWAY,
    )


def _away(
    code: FindingCode,
    name: str,
    severity: Severity = Severity.ERROR,
    *,
    since: datetime | None = None,
    **figures: Any,
) -> Finding:
    return Finding(
        code,
        severity,
        service(name),
        Remedy.START_SERVICES,
        since=since,
        evidence=evidence(**figures),
        target={"service": name},
    )
