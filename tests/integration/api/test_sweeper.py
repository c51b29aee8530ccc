"""The sweeper and the announcer, with a broker and without."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from monitor.executions import StartRequest, request_change, start
from monitor.executions.announcer import announcer
from monitor.executions.control import LEASE
from monitor.health.wait_text import wait_text
from monitor.health.waiting import Wait, WaitKind, waiting_for
from monitor.records.models import (
    RunState,
    SystemAgent,
    SystemStateEvent,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.sweeper.sweeper import Sweeper
from swf_common_lib.messages import derived_id
from swf_common_lib.messaging import BROADCAST, WORKFLOW_CONTROL, Destination, MessageBus
from tests.broker_process import BrokerProcess
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Listen = Callable[[Destination], Callable[[], dict[str, Any]]]
MakeExecution = Callable[..., WorkflowExecution]
PAST = timedelta(seconds=60)


@pytest.fixture
def listen(with_broker: BrokerProcess, settings: Any) -> Iterator[Listen]:
    """Subscribe to a destination; what it gives is called for the next message."""
    buses: list[MessageBus] = []

    def subscribe(destination: Destination) -> Callable[[], dict[str, Any]]:
        bus = MessageBus(settings.TESTBED)
        buses.append(bus)
        bus.start(PATIENCE)
        bus.subscribe(destination, ack="auto", prefetch=100)

        def following() -> dict[str, Any]:
            delivery = bus.receive(PATIENCE)
            assert delivery is not None, "nothing came"
            body: dict[str, Any] = json.loads(delivery.body)
            return body

        return following

    yield subscribe
    for bus in buses:
        bus.close()


def reload(execution: WorkflowExecution) -> WorkflowExecution:
    found: WorkflowExecution = WorkflowExecution.objects.get(pk=execution.pk)
    return found


def test_a_start_is_announced_and_a_stop_told(listen: Listen) -> None:
    commands = listen(WORKFLOW_CONTROL)
    execution = start(StartRequest(workflow="stf_datataking")).execution
    announced = commands()
    assert announced["msg_type"] == "run_workflow"
    assert announced["execution_id"] == execution.execution_id
    assert reload(execution).announced_at is not None
    wait = waiting_for(reload(execution))
    assert wait is not None
    assert (wait.kind, wait.expires_at) == (WaitKind.RUNNER, execution.expires_at)
    assert "no workflow runner is alive" in wait_text(wait)

    WorkflowExecution.objects.update(status="running", runner="r1")
    request_change(execution.execution_id, "stop", actor="torre", via="rest", reason="enough")
    told = commands()
    assert (told["msg_type"], told["reason"]) == ("stop_workflow", "enough")
    assert SystemStateEvent.objects.filter(event_type="stop_requested", actor="torre").exists()


def test_what_was_not_announced_is_announced_later(listen: Listen, live_runner: Any) -> None:
    announcer().close()
    with patch.object(announcer(), "announce", return_value=False):
        execution = start(StartRequest(workflow="stf_datataking")).execution
    commands = listen(WORKFLOW_CONTROL)
    announcer().open()
    Sweeper().sweep()
    assert commands()["execution_id"] == execution.execution_id
    # Just now, however long it takes to look.
    WorkflowExecution.objects.update(announced_at=timezone.now() + timedelta(seconds=8))
    assert waiting_for(reload(execution)) is None

    # Nobody took it: it is announced again, but not at once.
    Sweeper().sweep()
    WorkflowExecution.objects.update(announced_at=timezone.now() - timedelta(seconds=11))
    wait = waiting_for(reload(execution))
    assert wait == Wait(WaitKind.FREE_RUNNER, runners=(live_runner.instance_name,))
    assert wait_text(wait) == f"a free workflow runner ({live_runner})"
    Sweeper().sweep()
    assert commands()["execution_id"] == execution.execution_id


def test_what_nobody_takes_is_terminated(new_execution: MakeExecution) -> None:
    execution = new_execution(expires_at=timezone.now() - PAST)
    own = new_execution(2, expires_at=None)  # recorded by a runner that has it already
    Sweeper().sweep()
    assert reload(execution).status == "pending"  # runners may live whom we have not heard yet
    Sweeper(settling=0).sweep()
    ended = reload(execution)
    assert ended.status == "terminated"
    assert "no workflow runner took it" in ended.status_reason
    assert reload(own).status == "pending"


def test_where_runners_are_busy_it_waits_on(
    new_execution: MakeExecution, live_runner: SystemAgent
) -> None:
    execution = new_execution(expires_at=timezone.now() - PAST)
    Sweeper(settling=0).sweep()
    later = reload(execution)
    assert later.status == "pending"
    assert later.expires_at is not None
    assert later.expires_at > timezone.now()


def test_a_lost_runner_fails_its_execution_and_the_run_ends(
    listen: Listen, new_execution: MakeExecution
) -> None:
    broadcasts = listen(BROADCAST)
    announcer().open()
    execution = new_execution(
        status="running", runner="r1", lease_expires_at=timezone.now() - PAST, options={"speed": 4}
    )
    RunState.objects.create(
        run_number=100001, execution_id=execution.execution_id, stf_files_generated=3
    )
    WorkflowMessage.objects.create(
        message_id="m",
        message_type="stf_gen",
        execution_id=execution.execution_id,
        destination="/topic/epictopic",
        sent_at=timezone.now(),
        received_at=timezone.now(),
        content={"simulation_tick": 17.5},
    )
    Sweeper().sweep()
    assert reload(execution).status == "running"  # we might have been away ourselves

    Sweeper(settling=0).sweep()
    ended = reload(execution)
    assert (ended.status, ended.end_unannounced) == ("failed", False)
    assert "r1 stopped answering" in ended.error_message
    said = broadcasts()
    assert said["msg_type"] == "end_run"
    assert said["message_id"] == derived_id(execution.execution_id, "end_run")
    assert (said["run_id"], said["total_stf_files"]) == ("100001", 3)
    assert (said["simulation_tick"], said["time_scale"]) == (17.5, 4)
    assert "r1" in said["reason"]


def test_the_end_waits_for_the_broker(new_execution: MakeExecution) -> None:
    execution = new_execution(status="failed", end_unannounced=True, end_time=timezone.now())
    Sweeper().sweep()
    assert reload(execution).end_unannounced  # its run may still become known
    RunState.objects.create(run_number=1, execution_id=execution.execution_id)
    Sweeper().sweep()
    assert reload(execution).end_unannounced
    RunState.objects.update(total_stf_files=3)
    Sweeper().sweep()
    assert not reload(execution).end_unannounced


def test_without_a_run_there_is_no_end_to_announce(new_execution: MakeExecution) -> None:
    long_ago = timezone.now() - timedelta(minutes=2)
    execution = new_execution(status="failed", end_unannounced=True, end_time=long_ago)
    Sweeper().sweep()
    assert not reload(execution).end_unannounced


def test_a_lease_that_is_renewed_is_kept(api: APIClient, new_execution: MakeExecution) -> None:
    execution = new_execution(
        status="running", runner="r1", lease_expires_at=timezone.now() + timedelta(hours=1)
    )
    Sweeper(settling=0).sweep()
    assert reload(execution).status == "running"


def test_a_clock_set_back_makes_no_lease_longer(new_execution: MakeExecution) -> None:
    before = timezone.now()
    execution = new_execution(
        status="running", runner="r1", lease_expires_at=before + timedelta(hours=1)
    )

    Sweeper(settling=0).sweep()

    lease = reload(execution).lease_expires_at
    assert lease is not None
    assert lease - timezone.now() <= LEASE
    assert reload(execution).status == "running"


@pytest.mark.parametrize("trouble", [OperationalError("locked"), KeyError("runner")])
def test_the_sweeper_outlives_trouble(
    trouble: Exception, new_execution: MakeExecution, caplog: pytest.LogCaptureFixture
) -> None:
    execution = new_execution(expires_at=timezone.now() - PAST)
    sweeper = Sweeper(interval=0.01, settling=0)
    with patch("monitor.sweeper.sweeper.announce_ends", side_effect=trouble) as failing:
        sweeper.start()
        wait_until(lambda: failing.call_count > 3)
    told = [record for record in caplog.records if "the sweeper" in record.message]
    assert len(told) == 1
    wait_until(lambda: reload(execution).status == "terminated")
    sweeper.close()
    wait_until(lambda: not sweeper.is_alive())


def test_a_sweeper_that_does_not_look_is_a_problem(reader: APIClient) -> None:
    def found() -> list[dict[str, Any]]:
        findings = reader.get("/api/health/").json()["findings"]
        return [one for one in findings if one["code"] == "sweeper_quiet"]

    assert found() == []
    Sweeper().sweep()
    assert found() == []
    SystemAgent.objects.update(last_heartbeat=timezone.now() - PAST)
    (finding,) = found()
    assert finding["severity"] == "error"
    assert finding["evidence"]["silent_for"]["value"] >= 60
    sweeper = Sweeper(interval=PATIENCE)
    sweeper.start()  # it looks at once: the monitor may have been away for long
    wait_until(lambda: found() == [])
    sweeper.close()


def test_a_sweep_leaves_code_and_parameters_where_they_are(
    new_execution: MakeExecution, live_runner: SystemAgent
) -> None:
    past = timezone.now() - PAST
    new_execution(1, expires_at=past)
    new_execution(2, expires_at=timezone.now() + PAST)
    new_execution(3, status="running", lease_expires_at=timezone.now() + PAST)
    with CaptureQueriesContext(connection) as asked:
        Sweeper(settling=0, patience=0).sweep()
    large = ("parameter_values", '"definition"', "execution_environment")
    reads = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    assert reads
    assert not [sql for sql in reads if any(column in sql for column in large)]
