"""When agents that live are at fault for what has no answer, and when they are not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mcp_server.application import Application
from monitor.records.models import (
    RunState,
    SystemAgent,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from tests.integration.mcp.conftest import Connect
from tests.integration.mcp.test_mcp_diagnosis import LONG_AGO, NAME, found_in, running, team
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


async def line_of(connect: Connect) -> str:
    """Diagnose, and give the line that is said of it."""
    async with connect() as client:
        told = await client.call_tool("diagnose_execution", {"execution_id": NAME})
    return next(str(block.text) for block in told.content if block.type == "text")


def begun_too_late() -> None:
    """The data agent was started when all had been broadcast."""
    team()
    running(stf_files_generated=10)
    WorkflowExecution.objects.update(status="completed", end_time=timezone.now())
    late = timezone.now() + timedelta(minutes=2)  # whenever the messages came
    SystemAgent.objects.filter(agent_type="data").update(first_seen=late)


async def test_agent_that_began_too_late(connect: Connect, application: Application) -> None:
    """It hears no broadcast of before, and nothing hinders it."""
    await application.database(begun_too_late)
    finding = (await found_in(connect))["agents_late"]
    assert finding["evidence"]["agent"] == "data-agent-shifter-1"
    assert finding["evidence"]["message"] == "stf_gen"
    assert finding["remedy"] == "start_again"


async def test_agent_that_follows_one_that_was_killed(
    connect: Connect, application: Application
) -> None:
    """What the broker kept for the killed one is on its way to it."""

    def killed() -> None:
        begun_too_late()
        rows.agent("data-agent-shifter-0", last_heartbeat=timezone.now() - LONG_AGO)
        earlier = SystemAgent.objects.filter(instance_name="data-agent-shifter-0")
        earlier.update(first_seen=timezone.now() - 2 * LONG_AGO)
        WorkflowMessage.objects.update(received_at=timezone.now() + timedelta(minutes=1))

    await application.database(killed)
    found = await found_in(connect)
    assert set(found) == {"agent_lost"}
    assert found["agent_lost"]["severity"] == "note"


@pytest.mark.parametrize(
    ("at_work", "quiet", "told"), [(2, 600, False), (0, 30, False), (0, 600, True)]
)
async def test_workers_at_long_slices(
    connect: Connect, application: Application, at_work: int, quiet: int, told: bool
) -> None:
    """Nothing is heard of them for 30 s, in real time."""

    def working() -> None:
        team()
        rows.whole_run(3, 15)
        WorkflowExecution.objects.update(status="running", end_time=None, options={"speed": 1.0})
        TFSlice.objects.update(status="queued")
        some = list(TFSlice.objects.values_list("pk", flat=True)[:at_work])
        TFSlice.objects.filter(pk__in=some).update(status="processing")
        RunState.objects.update(
            phase="physics",
            slices_created=45,
            slices_completed=0,
            slices_failed=0,
            slices_processing=at_work,
            slices_queued=45 - at_work,
        )
        rows.message()
        WorkflowMessage.objects.update(received_at=timezone.now() - timedelta(seconds=quiet))

    await application.database(working)
    found = (await found_in(connect)).get("work_unanswered", {"evidence": {}})
    assert ("worker_unanswered" in found["evidence"]) is told


@pytest.mark.sentences
@pytest.mark.parametrize(
    ("status", "reason", "line"),
    [
        ("paused", "coffee", "is paused: coffee"),
        ("terminated", "no beam", "is terminated: was stopped: no beam"),
        ("pending", "", "is pending and no workflow runner is alive"),
    ],
)
async def test_nothing_is_said_twice(
    connect: Connect, application: Application, status: str, reason: str, line: str
) -> None:
    def stands() -> None:
        team()
        if status == "pending":
            SystemAgent.objects.filter(agent_type="workflow_runner").delete()
        long_ago = timezone.now() - LONG_AGO
        rows.execution(1, status, status_reason=reason, announced_at=long_ago)

    await application.database(stands)
    assert (await line_of(connect)).startswith(f"{NAME} {line}")
