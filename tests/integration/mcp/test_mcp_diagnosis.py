"""What is wrong, why, and what to do about it: one test a fault."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mcp_server.application import Application
from monitor.executions import claim
from monitor.executions.announcer import Announcer, announcer
from monitor.executions.sweeper import Sweeper
from monitor.records.models import (
    RunState,
    SystemAgent,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from orchestrator.queue_depths import QueueReader
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

NAME = "stf_datataking-shifter-0001"
LONG_AGO = timedelta(minutes=10)


async def causes(connect: Connect, execution_id: str = NAME) -> dict[str, dict[str, Any]]:
    """Diagnose, and give the findings by their cause; each says what to do."""
    async with connect() as client:
        diagnosis = await call(client, "diagnose_execution", execution_id=execution_id)
    for finding in diagnosis["findings"]:
        assert finding["what"]
        assert finding["next"]
    severities = [finding["severity"] for finding in diagnosis["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    return {finding["cause"]: finding for finding in diagnosis["findings"]}


def team(**fields: Any) -> None:
    """All agents of fast processing, alive."""
    for kind in ("data", "fastmon", "fast_processing", "worker"):
        rows.agent(f"{kind}-agent-shifter-1", agent_type=kind, **fields)
    rows.agent("runner-1", agent_type="workflow_runner")
    rows.agent("monitor-ingest", agent_type="ingest", namespace="")


def running(**counts: Any) -> WorkflowExecution:
    """An execution in the middle of its run."""
    execution = rows.execution(1, "running", run_number=rows.RUN, runner="runner-1")
    RunState.objects.create(
        run_number=rows.RUN, execution_id=execution.execution_id, phase="physics", **counts
    )
    rows.message()
    return execution


async def test_all_is_well(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(running)
    assert await causes(connect) == {}


async def test_no_runner(connect: Connect, application: Application) -> None:
    await application.database(
        rows.execution, 1, "pending", start_time=None, announced_at=timezone.now() - LONG_AGO
    )
    found = await causes(connect)
    assert "workflow-runner" in found["runner_missing"]["next"]
    absent = "no agent of type data, fastmon, fast_processing, worker is up in namespace torre1"
    assert found["agent_missing"]["what"] == absent
    assert found["agent_missing"]["next"].count('-agent"') == 3
    await application.database(team)
    assert "runners_busy" in await causes(connect)


async def test_runner_killed(connect: Connect, application: Application) -> None:
    """The sweeper itself ends the execution of a runner that was killed."""
    await application.database(team)

    def killed() -> str:
        name = rows.execution(1, "pending").execution_id
        claim(name, "runner-1")
        long_ago = timezone.now() - LONG_AGO
        WorkflowExecution.objects.filter(pk=name).update(lease_expires_at=long_ago)
        return name

    name = await application.database(killed)
    assert "runner_killed" in await causes(connect, name)
    await application.database(Sweeper(settling=0).sweep)
    finding = (await causes(connect, name))["runner_killed"]
    assert "stopped answering" in finding["what"]
    assert "list_logs(source='runner-1')" in finding["next"]
    assert "start_workflow" in finding["next"]


async def test_workflow_that_raised_what_a_lost_runner_is_said_of(
    connect: Connect, application: Application
) -> None:
    await application.database(
        rows.execution,
        1,
        "failed",
        error_message="TimeoutError: the detector stopped answering",
        stack_trace='Traceback ...\n  File "workflows/mine.py", line 3\nTimeoutError',
    )
    found = await causes(connect, "stf_datataking-shifter-0001")
    assert "workflow_raised" in found
    assert "runner_killed" not in found


async def test_agent_missing(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(running, stf_files_generated=7)

    def leave() -> None:
        SystemAgent.objects.filter(agent_type="data").update(operational_state="EXITED")
        rows.agent("data-agent-other-1", namespace="elsewhere")

    await application.database(leave)
    finding = (await causes(connect))["agent_missing"]
    assert finding["what"].startswith("no data agent is up in namespace torre1")
    assert "elsewhere" in finding["what"]
    assert finding["evidence"] == "7 of 7 stf_gen messages have no answer"
    assert 'start_agents(agents=["data-agent"])' in finding["next"]
    assert "start_workflow(namespace='elsewhere')" in finding["next"]
    assert "is not repeated" in finding["next"], "its subscription ended with it"


async def test_agent_silent(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(running, stf_files_generated=7, stf_files_registered=3)

    def fall_silent() -> None:
        rows_ = SystemAgent.objects.filter(agent_type="data")
        rows_.update(last_heartbeat=timezone.now() - LONG_AGO)

    await application.database(fall_silent)
    finding = (await causes(connect))["agent_silent"]
    assert finding["severity"] == "error"
    assert "data-agent-shifter-1 has been silent for 60" in finding["what"]
    assert "4 of 7 stf_gen" in finding["evidence"]
    assert "is then worked on" in finding["next"]


async def test_message_nobody_consumed(connect: Connect, application: Application) -> None:
    """The agent lives and does not answer."""
    await application.database(team)
    await application.database(running, stf_files_generated=7, stf_files_registered=3)

    def received(age: timedelta) -> None:
        WorkflowMessage.objects.update(received_at=timezone.now() - age)

    await application.database(received, timedelta(minutes=-1))  # just now, however slow this is
    assert "message_unconsumed" not in await causes(connect), "it may be about to answer"
    await application.database(received, LONG_AGO)
    finding = (await causes(connect))["message_unconsumed"]
    assert finding["what"].startswith("4 of 7 stf_gen messages have no answer")
    assert "list_logs(source='data-agent-shifter-1')" in finding["next"]


def leave_in_a_queue(name: str) -> None:
    announcer().send(f"/queue/{name}", {"msg_type": "slice"})  # type: ignore[arg-type]


async def test_queues_nobody_consumes(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(running)
    for name in ("panda.transformer.slices.1", "panda.transformer.slice"):
        await application.database(leave_in_a_queue, name)
    async with connect() as client:
        diagnosis = await call(client, "diagnose_execution", execution_id=NAME)
        status = await call(client, "get_system_status")
    found = [f for f in diagnosis["findings"] if f["cause"] == "message_unconsumed"]
    next_by_what = {finding["what"]: finding["next"] for finding in found}
    start = next_by_what[
        "1 message waits in /queue/panda.transformer.slices.1, which nobody consumes"
    ]
    assert start.startswith('start_agents(agents=["fast-processing-worker"])')
    unknown = next_by_what[
        "1 message waits in /queue/panda.transformer.slice, which nobody consumes"
    ]
    assert "misspelt" in unknown
    told = {"waiting": 1, "in_hand": 0, "consumers": 0}
    assert diagnosis["queues"]["/queue/panda.transformer.slices.1"] == told
    assert status["queues"]["/queue/panda.transformer.slices.1"] == told
    wheres = [problem["where"] for problem in status["problems"]]
    assert "/queue/panda.transformer.slice" in wheres
    assert "/queue/panda.transformer.slices.1" not in wheres, "a worker lives and may come"


async def test_commands_and_slices_that_wait_are_evidence(
    connect: Connect, application: Application
) -> None:
    """The cause is told, with what waits for it; not what follows from it once more."""

    def deserted() -> None:
        rows.agent("monitor-ingest", agent_type="ingest", namespace="")
        rows.execution(1, "pending", start_time=None, announced_at=timezone.now() - LONG_AGO)
        leave_in_a_queue("workflow_control")

    await application.database(deserted)
    found = await causes(connect)
    assert "/queue/workflow_control, which nobody consumes" in found["runner_missing"]["evidence"]
    assert not any(
        "workflow_control" in finding["what"]
        for cause, finding in found.items()
        if cause != "runner_missing"
    )


def asks(application: Application, patience: float = 0.2, **changes: str) -> None:
    """Make the application ask for queues with other settings than its own."""
    own = application.settings
    environ = {
        "ACTIVEMQ_PORT": str(own.activemq_port),
        "ACTIVEMQ_USER": own.activemq_user,
        "ACTIVEMQ_PASSWORD": own.activemq_password,
        **changes,
    }
    application.queues = QueueReader(load_settings(own.swf_home, environ), patience=patience)


async def test_a_broker_that_tells_nothing_of_its_queues(
    connect: Connect, application: Application
) -> None:
    """One of the facility's may lack the plugin: that is no fault of the execution's."""
    await application.database(team)
    await application.database(running)
    asks(application, patience=3.0, SWF_BROKER="external")
    async with connect() as client:
        diagnosis = await call(client, "diagnose_execution", execution_id=NAME)
        status = await call(client, "get_system_status")
    assert diagnosis["findings"] == []
    for answer in (diagnosis, status):
        assert answer.get("queues", {}) == {}
        assert "<statisticsBrokerPlugin/>" in answer["queues_unknown"]
        assert "docs/production.md" in answer["queues_unknown"]


async def test_broker_hangs(connect: Connect, application: Application) -> None:
    """It keeps the connections that it has, and takes no other."""
    await application.database(team)
    await application.database(running)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asks(application, ACTIVEMQ_PORT=str(silent.getsockname()[1]))
        finding = (await causes(connect))["broker_down"]
        async with connect() as client:
            status = await call(client, "get_system_status")
    assert status["healthy"] is False
    assert status["problems"][0]["where"] == "broker"
    assert "it hangs" in finding["what"]
    assert "it does not answer" in finding["what"]


async def test_workers_too_few(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(rows.whole_run, 10, 15)
    finding = (await causes(connect))["workers_too_few"]
    assert "30 workers finish 1 of 6.82 slices/s and did not keep up" in finding["what"]
    assert "149 slices waited for longer than an STF takes" in finding["what"]
    assert '"target_worker_count": 205' in finding["next"]
    assert "slices_failed" in await causes(connect)


async def test_workflow_that_raised(connect: Connect, application: Application) -> None:
    trace = (
        'Traceback (most recent call last):\n  File "workflows/mine.py", line 12, in execute\n'
        "    self.counts[7]\nIndexError: list index out of range\n"
    )
    await application.database(team)
    await application.database(
        rows.execution,
        1,
        "failed",
        error_message="IndexError: list index out of range",
        stack_trace=trace,
    )
    finding = (await causes(connect))["workflow_raised"]
    assert "IndexError" in finding["what"]
    assert 'File "workflows/mine.py", line 12' in finding["evidence"]
    assert "workflows/stf_datataking.py" in finding["next"]


async def test_configuration_error(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(
        rows.execution, 1, "failed", error_message="ConfigurationError: no such section"
    )
    await application.database(
        rows.execution, 2, "running", parameter_values={"fast_processing": {"stf_count": "many"}}
    )
    finding = (await causes(connect))["configuration_error"]
    assert "no such section" in finding["what"]
    assert "validate_workflow_config" in finding["next"]
    other = (await causes(connect, "stf_datataking-shifter-0002"))["configuration_error"]
    assert "fast_processing.stf_count = 'many': expected a whole number" in other["what"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('self.limit = config["cooling"]["limit"]', "configuration_error"),
        ("self.limit = self.limits[name]", "workflow_raised"),
    ],
)
async def test_a_key_that_is_missing(
    connect: Connect, application: Application, line: str, cause: str
) -> None:
    """Only where the configuration is read does that point to the configuration."""
    trace = (
        'Traceback (most recent call last):\n  File "workflows/mine.py", line 5, in __init__\n'
        f"    {line}\n                 ~~~~~~^^^^^^^^^\nKeyError: 'limit'\n"
    )
    await application.database(team)
    await application.database(
        rows.execution, 1, "failed", error_message="KeyError: 'limit'", stack_trace=trace
    )
    found = await causes(connect)
    assert "'limit'" in found[cause]["what"]
    assert "line 5" in found[cause]["evidence"]


async def test_slices_wait_for_workers(connect: Connect, application: Application) -> None:
    await application.database(team)

    def unworked() -> None:
        rows.whole_run()
        WorkflowExecution.objects.update(status="running", end_time=None)
        TFSlice.objects.update(status="queued")
        SystemAgent.objects.filter(agent_type="worker").delete()

    await application.database(unworked)
    finding = (await causes(connect))["agent_missing"]
    assert "no worker agent" in finding["what"]
    assert "12 of 12 slice messages" in finding["evidence"]
    assert "fast-processing-worker" in finding["next"]
    assert "is then worked on" in finding["next"]


async def test_monitor_down(
    connect: Connect, application: Application, monitor: socket.socket
) -> None:
    """Nobody can report then: nothing is said of agents that nobody knows of."""
    await application.database(
        rows.execution, 1, "pending", start_time=None, announced_at=timezone.now() - LONG_AGO
    )
    monitor.close()
    found = await causes(connect)
    assert "testbed start-local" in found["monitor_down"]["next"]
    assert "agent_missing" not in found
    async with connect() as client:
        status = await call(client, "get_system_status")
        waiting = await call(client, "wait_for_workflow", execution_id=NAME, timeout_s=0)
    said = " ".join(problem["what"] for problem in status["problems"])
    assert "the monitor is down" in said
    assert "no workflow runner is alive" not in said
    assert "the monitor is down" in waiting["waiting_for"]


async def test_broker_down(
    connect: Connect,
    application: Application,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await application.database(rows.execution, 1, "pending", start_time=None)
    await application.database(
        rows.agent, "monitor-ingest", agent_type="ingest", namespace="", status="WARNING"
    )
    monkeypatch.setattr(Announcer, "patience", 0.05)
    environ = {**rows.NO_BROKER, "SWF_MONITOR_URL": settings.TESTBED.swf_monitor_url}
    settings.TESTBED = load_settings(home=settings.TESTBED.swf_home, environ=environ)
    await application.database(
        rows.agent, "data-agent-shifter-1", agent_type="data", status="WARNING", mq_connected=False
    )
    found = await causes(connect)
    assert found["broker_down"]["severity"] == "error"
    assert "ingest_down" not in found, "it lives, and waits for the broker"
    assert "runner_missing" not in found, "the cause, not what follows from it"
    async with connect() as client:
        status = await call(client, "get_system_status")
    wheres = [problem["where"] for problem in status["problems"]]
    assert "broker" in wheres
    assert "data-agent-shifter-1" not in wheres, "it waits for the broker, as everybody does"


async def test_unknown_execution(connect: Connect, application: Application) -> None:
    await application.database(rows.execution, 1)
    async with connect() as client:
        text = await refusal(client, "diagnose_execution", execution_id="stf_datataking-shifter-01")
    assert NAME in text


async def test_comparison(connect: Connect, application: Application) -> None:
    await application.database(rows.whole_run)

    def another() -> None:
        other = rows.execution(2, "failed", error_message="no beam", source={"commit": "fedcba"})
        other.parameter_values["fast_processing"]["stf_count"] = 20
        other.save()

    await application.database(another)
    async with connect() as client:
        found = await call(client, "compare_executions", a=NAME, b="stf_datataking-shifter-0002")
        same = await call(client, "compare_executions", a=NAME, b=NAME)
    differences = found["differences"]
    assert differences["outcome"]["status"] == {"a": "completed", "b": "failed"}
    assert differences["configuration"] == {"fast_processing.stf_count": {"a": 10, "b": 20}}
    assert differences["source"]["commit"]["b"] == "fedcba"
    assert differences["counts"]["slices_made"] == {"a": 12, "b": 0}
    assert same["differences"] == {}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A broker of this module's own: one test leaves a message in a queue."""
    from tests.broker_process import start_broker

    started: BrokerProcess = start_broker(tmp_path_factory.mktemp("broker"))
    yield started
    started.stop()
