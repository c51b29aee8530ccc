"""What is found of agents, from their rows and their processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from monitor.health.agents import agent_findings
from monitor.health.liveness import agents_seen
from monitor.health.programs import Programs
from monitor.records.models import SystemAgent
from orchestrator.supervisord.orphans import process_is_stopped
from swf_common_lib.findings import Finding, FindingCode, Remedy, Severity
from swf_common_lib.roles import DATA
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

OLD, NEW = "data-agent-maria-1", "data-agent-maria-2"


@pytest.fixture
def stopped() -> Iterator[int]:
    """A process that a signal has stopped."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    os.kill(process.pid, signal.SIGSTOP)
    wait_until(lambda: process_is_stopped(process.pid))
    yield process.pid
    process.kill()
    process.communicate()


def agent(name: str, *, heard: float, began: float, **fields: Any) -> None:
    """Add an agent that began and was last heard of so many seconds ago."""
    now = timezone.now()
    row = SystemAgent.objects.create(
        instance_name=name,
        agent_type=DATA.agent_type,
        namespace="test",
        hostname=socket.gethostname(),
        operational_state="READY",
        last_heartbeat=now - timedelta(seconds=heard),
        heartbeat_interval=10.0,
        **fields,
    )
    SystemAgent.objects.filter(pk=row.pk).update(first_seen=now - timedelta(seconds=began))


def found() -> list[Finding]:
    now = timezone.now()
    return list(agent_findings(agents_seen(now), Programs(), ["test"], now, broker_up=True))


def test_one_that_was_lost_is_a_note_once_another_has_its_place() -> None:
    agent(OLD, heard=90, began=900, pid=2**22 + 1)
    agent(NEW, heard=1, began=80)

    (finding,) = found()

    assert (finding.code, finding.severity) == (FindingCode.AGENT_LOST, Severity.NOTE)
    assert (finding.subject.id, finding.fact("replaced_by")) == (OLD, NEW)


@pytest.mark.parametrize("another", [False, True])
def test_one_that_is_frozen_stays_a_trouble(stopped: int, another: bool) -> None:
    """Also where another one was started: it would go on beside that one."""
    agent(OLD, heard=90, began=900, pid=stopped)
    if another:
        agent(NEW, heard=1, began=80)

    (finding,) = found()

    assert (finding.code, finding.remedy) == (FindingCode.AGENT_FROZEN, Remedy.RESTART_AGENTS)
    assert finding.severity is Severity.ERROR
    assert finding.target == {"agent": OLD, "programs": DATA.program}


def test_one_that_is_stopped_is_frozen_before_it_is_silent(stopped: int) -> None:
    agent(OLD, heard=1, began=900, pid=stopped)

    (finding,) = found()

    assert finding.code is FindingCode.AGENT_FROZEN


def test_one_that_said_good_bye_is_no_trouble() -> None:
    agent(OLD, heard=900, began=9000)
    SystemAgent.objects.update(operational_state="EXITED")

    assert found() == []
