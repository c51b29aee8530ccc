"""What is wrong with the hosts: room on the disk, limits of the database, clocks, versions."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator

from django.conf import settings
from django.db import connection

from monitor.health.liveness import SeenAgent
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)
from swf_common_lib.version import own_version

LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 200 * 1024**2
"""Bytes of disk below which there is a warning, and below which brokers block who publishes."""
NEAR_LIMIT = 0.9
"""Fraction of a limit of the database that is near to it."""
CLOCKS_APART = 2.0
"""Seconds between two hosts' clocks from which times of their messages mislead."""
_MIB = 1024**2


def host_findings(agents: list[SeenAgent]) -> Iterator[Finding]:
    """Yield what is wrong with this host and with those of the agents that live."""
    yield from _disk()
    yield from _database()
    yield from _clocks(agents)
    yield from _versions(agents)


def _disk() -> Iterator[Finding]:
    folder = settings.TESTBED.swf_runtime_dir
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return  # a container of the services may have none
    if usage.free < LITTLE_SPACE:
        yield Finding(
            FindingCode.DISK_NEAR_FULL,
            Severity.ERROR if usage.free < NO_SPACE else Severity.WARNING,
            Subject(SubjectKind.HOST, socket.gethostname()),
            Remedy.FREE_DISK,
            evidence=evidence(
                free=(round(usage.free / _MIB), "MiB"),
                total=(round(usage.total / _MIB), "MiB"),
                folder=str(folder),
            ),
        )


def _database() -> Iterator[Finding]:
    used, limit, unit = _use_of_database()
    if limit and used > NEAR_LIMIT * limit:
        yield Finding(
            FindingCode.DATABASE_NEAR_LIMIT,
            Severity.WARNING,
            Subject(SubjectKind.SERVICE, "database"),
            Remedy.MORE_CONNECTIONS if connection.vendor == "postgresql" else Remedy.PRUNE,
            evidence=evidence(used=(used, unit), limit=(limit, unit)),
        )


def _use_of_database() -> tuple[int, int, str]:
    """Return what the database uses of what it may: pages of SQLite, PostgreSQL's connections."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA page_count")
            (used,) = cursor.fetchone()
            cursor.execute("PRAGMA max_page_count")
            (limit,) = cursor.fetchone()
            return used, limit, "pages"
        cursor.execute(
            "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity"
            " WHERE backend_type = 'client backend'"
        )
        used, limit = cursor.fetchone()
        return used, limit, "connections"


def _clocks(agents: list[SeenAgent]) -> Iterator[Finding]:
    """Compare each host's clock, as its newest heartbeat told it, with this one's."""
    offsets: dict[str, float] = {}
    for agent in agents:
        offset = agent.row.metadata.get("clock_offset_seconds")
        if agent.alive and isinstance(offset, int | float) and abs(offset) > CLOCKS_APART:
            offsets[agent.row.hostname] = float(offset)
    for host, offset in sorted(offsets.items()):
        yield Finding(
            FindingCode.CLOCKS_APART,
            Severity.WARNING,
            Subject(SubjectKind.HOST, host),
            Remedy.SET_CLOCK,
            evidence=evidence(ahead=(round(offset, 1), "s"), of=socket.gethostname()),
        )


def _versions(agents: list[SeenAgent]) -> Iterator[Finding]:
    own = own_version()
    for agent in agents:
        other = agent.row.metadata.get("version")
        if agent.alive and own and isinstance(other, str) and other not in ("", own):
            yield Finding(
                FindingCode.VERSIONS_APART,
                Severity.WARNING,
                Subject(SubjectKind.AGENT, agent.name),
                Remedy.SAME_VERSION,
                evidence=evidence(version=other, monitor_version=own, host=agent.row.hostname),
                target={"agent": agent.name},
            )
