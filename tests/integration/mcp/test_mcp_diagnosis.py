"""What is wrong, why, and what to do about it: one test a fault."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from mcp_server.application import Application
from monitor.diagnosis.prospects import prospects_of
from monitor.diagnosis.system import diagnose
from monitor.executions import claim
from monitor.executions.announcer import Announcer, announcer
from monitor.health.look import take_look
from monitor.records.models import (
    RunState,
    SystemAgent,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.transitions import record_event
from monitor.sweeper.sweeper import Sweeper
from orchestrator.queue_depths import QueueReader
from swf_common_lib.findings import Finding, FindingCode
from swf_common_lib.settings import load_settings
from tests.broker_process import BrokerProcess
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect, WebStandIn
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

NAME = "stf_datataking-shifter-0001"
LONG_AGO = timedelta(minutes=10)


async def found_in(connect: Connect, execution_id: str = NAME) -> dict[str, dict[str, Any]]:
    """Diagnose, and return the findings by their code; each says what to do."""
    async with connect() as client:
        diagnosis = await call(client, "diagnose_execution", execution_id=execution_id)
    for finding in diagnosis["findings"]:
        assert finding["what"]
        assert finding["next"]
    ranks = [
        ("symptom_of" in finding, ["error", "warning", "note"].index(finding["severity"]))
        for finding in diagnosis["findings"]
    ]
    assert ranks == sorted(ranks)
    return {finding["code"]: finding for finding in diagnosis["findings"]}


async def remedies_in(application: Application, execution_id: str = NAME) -> dict[str, Finding]:
    """Return what the rules find, by its code: remedies with what they are carried out on."""

    def find() -> list[Finding]:
        look = take_look(application.queues, from_outside=True)
        return diagnose(execution_id, look).findings

    return {one.code.value: one for one in await application.database(find)}


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
    assert await found_in(connect) == {}


async def test_no_runner(connect: Connect, application: Application) -> None:
    await application.database(
        rows.execution, 1, "pending", start_time=None, announced_at=timezone.now() - LONG_AGO
    )
    found = await found_in(connect)
    assert found["runner_missing"]["remedy"] == "start_agents"
    told = (await remedies_in(application))["runner_missing"]
    assert "programs" not in told.target, "all: none is up"
    await application.database(team)
    assert "runners_busy" in await found_in(connect)


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
    assert "lease_lapsed" in await found_in(connect, name)
    await application.database(Sweeper(settling=0).sweep)
    finding = (await found_in(connect, name))["runner_lost"]
    assert finding["evidence"]["runner"] == "runner-1"
    assert finding["remedy"] == "start_again"
    told = (await remedies_in(application, name))["runner_lost"]
    assert told.target["agent"] == "runner-1", "whose log has its last words"
    assert told.target["workflow"] == "stf_datataking"


async def test_workflow_that_raised_what_a_lost_runner_is_said_of(
    connect: Connect, application: Application
) -> None:
    await application.database(
        rows.execution,
        1,
        "failed",
        end_cause="workflow_raised",
        error_message="TimeoutError: the detector stopped answering",
        stack_trace='Traceback ...\n  File "workflows/mine.py", line 3\nTimeoutError',
    )
    found = await found_in(connect, "stf_datataking-shifter-0001")
    assert "workflow_raised" in found
    assert "runner_lost" not in found


async def test_agents_missing(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(running, stf_files_generated=7)

    def leave() -> None:
        SystemAgent.objects.filter(agent_type="data").update(operational_state="EXITED")
        rows.agent("data-agent-other-1", namespace="elsewhere")

    await application.database(leave)
    finding = (await found_in(connect))["agents_missing"]
    assert finding["severity"] == "error"
    told = finding["evidence"]
    assert (told["roles"], told["namespace"], told["elsewhere"]) == ("data", "torre1", "elsewhere")
    assert (told["data_unanswered"], told["data_asked"]) == ("7 STFs", "7 STFs")
    # Its subscription ended with it: what was broadcast is not repeated.
    assert finding["remedy"] == "start_agents_then_again"
    told = (await remedies_in(application))["agents_missing"]
    assert told.target["programs"] == "data-agent"


async def test_namespace_that_start_agents_cannot_serve(
    connect: Connect, application: Application
) -> None:
    """Agents serve the namespace that testbed.toml names, and no other."""
    await application.database(team)
    await application.database(
        rows.execution, 1, "running", namespace="elsewhere", runner="runner-1"
    )
    finding = (await found_in(connect))["agents_missing"]
    assert finding["remedy"] == "start_in_served_namespace"
    told = (await remedies_in(application))["agents_missing"]
    assert told.target["served_namespace"] == "torre1"


async def test_agent_silent(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(running, stf_files_generated=7, stf_files_registered=3)

    def fall_silent() -> None:
        rows_ = SystemAgent.objects.filter(agent_type="data")
        rows_.update(last_heartbeat=timezone.now() - LONG_AGO)

    await application.database(fall_silent)
    found = await found_in(connect)
    finding = found["agent_silent"]
    assert finding["severity"] == "error"
    assert finding["subject"] == "agent data-agent-shifter-1"
    assert finding["evidence"]["silent_for"].startswith("60")
    missing = found["agents_missing"]
    assert missing["symptom_of"] == "agent_silent"
    assert missing["evidence"]["data_unanswered"] == "4 STFs"
    assert missing["remedy"] == "start_agents", "the broker keeps what was broadcast for it"


async def test_agents_by_the_interval_that_they_declare(
    connect: Connect, application: Application
) -> None:
    """Two minutes are nothing for one that beats each minute, and silence for one of 10 s."""
    await application.database(team)
    await application.database(running)

    def quiet(interval: float) -> None:
        rows_ = SystemAgent.objects.filter(agent_type="data")
        last = timezone.now() - timedelta(minutes=2)
        rows_.update(last_heartbeat=last, heartbeat_interval=interval)

    await application.database(quiet, 60.0)
    assert await found_in(connect) == {}
    await application.database(quiet, 10.0)
    assert "agent_silent" in await found_in(connect)


async def test_agent_that_was_replaced(connect: Connect, application: Application) -> None:
    """The silence of a dead agent is no headline once another one has taken its place."""
    await application.database(team)
    await application.database(running)

    def replace() -> None:
        rows_ = SystemAgent.objects.filter(agent_type="worker")
        last = timezone.now() - LONG_AGO
        rows_.update(last_heartbeat=last, metadata={"slices_in_hand": 31})
        rows.agent("worker-agent-shifter-2", agent_type="worker")

    await application.database(replace)
    finding = (await found_in(connect))["agent_lost"]
    assert finding["severity"] == "note"
    assert finding["evidence"]["slices_in_hand"] == "31 slices"
    assert finding["evidence"]["replaced_by"] == "worker-agent-shifter-2"


async def test_message_nobody_consumed(connect: Connect, application: Application) -> None:
    """The agent lives and does not answer."""
    await application.database(team)
    await application.database(running, stf_files_generated=7, stf_files_registered=3)

    def received(age: timedelta) -> None:
        WorkflowMessage.objects.update(received_at=timezone.now() - age)

    await application.database(received, timedelta(minutes=-1))  # just now, however slow this is
    assert "stfs_unregistered" not in await found_in(connect), "it may be about to answer"
    await application.database(received, LONG_AGO)
    finding = (await found_in(connect))["stfs_unregistered"]
    assert finding["evidence"]["data_unanswered"] == "4 STFs"
    assert finding["evidence"]["agent"] == "data-agent-shifter-1"
    assert finding["remedy"] == "restart_agents"


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
    found = {f["subject"]: f for f in diagnosis["findings"] if f["code"] == "queue_unconsumed"}
    assert "queue /queue/panda.transformer.slices.1" not in found, "a worker lives and may come"
    unknown = found["queue /queue/panda.transformer.slice"]
    assert unknown["remedy"] == "correct_sender"
    assert unknown["evidence"]["waiting"] == "1 messages"
    told = {"waiting": 1, "in_hand": 0, "consumers": 0}
    assert diagnosis["queues"]["/queue/panda.transformer.slices.1"] == told
    assert status["queues"]["/queue/panda.transformer.slices.1"] == told
    subjects = [one["subject"] for one in status["findings"]]
    assert "queue /queue/panda.transformer.slice" in subjects
    assert "queue /queue/panda.transformer.slices.1" not in subjects


async def test_commands_and_slices_that_wait_are_evidence(
    connect: Connect, application: Application
) -> None:
    """The cause is told, with what waits for it; not what follows from it once more."""

    def deserted() -> None:
        rows.agent("monitor-ingest", agent_type="ingest", namespace="")
        rows.execution(1, "pending", start_time=None, announced_at=timezone.now() - LONG_AGO)
        leave_in_a_queue("workflow_control")

    await application.database(deserted)
    found = await found_in(connect)
    assert found["runner_missing"]["evidence"]["commands_waiting"] == 1
    assert not any("workflow_control" in finding["subject"] for finding in found.values())


def asks(application: Application, patience: float = 0.2, **changes: str) -> None:
    """Let the application ask for queues with other settings than it has."""
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
        assert "queues" not in answer, "nobody knows: that is not the same as none"
        assert "<statisticsBrokerPlugin/>" in answer["queues_unknown"]
        assert "docs/production.md" in answer["queues_unknown"]


async def test_broker_hangs(connect: Connect, application: Application) -> None:
    """It keeps the connections that it has, and takes no other."""
    await application.database(team)
    await application.database(running)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asks(application, ACTIVEMQ_PORT=str(silent.getsockname()[1]))
        finding = (await found_in(connect))["broker_hangs"]
        async with connect() as client:
            status = await call(client, "get_system_status")
    assert status["healthy"] is False
    assert status["findings"][0]["subject"] == "service broker"
    assert finding["remedy"] == "restart_services"


async def test_workers_too_few(connect: Connect, application: Application) -> None:
    """Two workers leave a backlog that matters; the default's thirty work it off in some rounds."""

    def workers(number: int) -> None:
        execution = WorkflowExecution.objects.get()
        execution.parameter_values["fast_processing"]["target_worker_count"] = number
        execution.save()
        RunState.objects.update(target_worker_count=number)

    await application.database(team)
    await application.database(rows.whole_run, 10, 15)
    assert "workers_too_few" not in await found_in(connect)
    await application.database(workers, 2)
    finding = (await found_in(connect))["workers_too_few"]
    told = finding["evidence"]
    assert (told["workers"], told["workers_to_keep_up"]) == ("2 workers", "205 workers")
    assert told["slice_rate"] == "6.82 slices/simulated s"
    assert told["over"] is True
    assert finding["remedy"] == "more_workers"
    assert (await remedies_in(application))["workers_too_few"].target["workers"] == 205


async def test_half_the_slices_fail(connect: Connect, application: Application) -> None:
    await application.database(team)

    def fail() -> None:
        execution = rows.whole_run(10, 15)
        RunState.objects.update(slices_completed=75, slices_failed=75)
        record_event(execution.execution_id, "execution_completed", actor="runner-1", via="rest")

    await application.database(fail)
    finding = (await found_in(connect))["slices_failed"]
    assert finding["severity"] == "error"
    assert finding["evidence"]["failed"] == "75 slices"
    assert finding["evidence"]["made"] == "150 slices"
    assert finding["evidence"]["errors"] == "out of memory"
    async with connect() as client:
        status = await call(client, "get_system_status")
    assert status["healthy"] is False
    assert "slices_failed" in [one["code"] for one in status["findings"]]


async def test_fewer_stfs_than_asked_for(connect: Connect, application: Application) -> None:
    await application.database(team)
    end = {"end_cause": "finished", "performance_metrics": {"stf_files": 0}}
    await application.database(rows.execution, 1, "completed", **end)
    finding = (await found_in(connect))["stfs_missing"]
    assert finding["evidence"] == {"requested": "10 STFs", "made": "0 STFs"}


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
        end_cause="workflow_raised",
        error_message="IndexError: list index out of range",
        stack_trace=trace,
    )
    finding = (await found_in(connect))["workflow_raised"]
    assert "IndexError" in finding["evidence"]["error"]
    assert 'File "workflows/mine.py", line 12' in finding["evidence"]["place"]
    assert finding["remedy"] == "mend_workflow"
    told = (await remedies_in(application))["workflow_raised"]
    assert told.target["workflow"] == "stf_datataking"


async def test_configuration_error(connect: Connect, application: Application) -> None:
    await application.database(team)
    await application.database(
        rows.execution,
        1,
        "failed",
        end_cause="configuration",
        error_message="ConfigurationError: no such section",
    )
    await application.database(
        rows.execution, 2, "running", parameter_values={"fast_processing": {"stf_count": "many"}}
    )
    finding = (await found_in(connect))["configuration_unusable"]
    assert "no such section" in finding["evidence"]["error"]
    assert finding["remedy"] == "mend_configuration"
    other = (await found_in(connect, "stf_datataking-shifter-0002"))["configuration_unusable"]
    assert (
        "fast_processing.stf_count = 'many': expected a whole number" in other["evidence"]["error"]
    )


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('self.limit = config["cooling"]["limit"]', "configuration_unusable"),
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
        rows.execution,
        1,
        "failed",
        end_cause="workflow_raised",
        error_message="KeyError: 'limit'",
        stack_trace=trace,
    )
    found = await found_in(connect)
    assert "'limit'" in found[cause]["evidence"]["error"]
    assert "line 5" in found[cause]["evidence"]["place"]


async def test_slices_wait_for_workers(connect: Connect, application: Application) -> None:
    await application.database(team)

    def unworked() -> None:
        rows.whole_run()
        RunState.objects.update(
            phase="processing", slices_completed=0, slices_failed=0, slices_queued=12
        )
        TFSlice.objects.update(status="queued")
        SystemAgent.objects.filter(agent_type="worker").delete()

    await application.database(unworked)
    finding = (await found_in(connect))["work_abandoned"]
    assert finding["evidence"]["worker_unanswered"] == "12 slices"
    assert finding["remedy"] == "start_agents", "they wait in their queue"
    told = (await remedies_in(application))["work_abandoned"]
    assert told.target["programs"] == "fast-processing-worker"
    async with connect() as client:
        status = await call(client, "get_system_status")
    assert "work_abandoned" in [one["code"] for one in status["findings"]]


async def test_monitor_away(
    connect: Connect, application: Application, monitor: WebStandIn
) -> None:
    """Nobody can report then: nothing is said of agents that nobody knows of."""
    await application.database(
        rows.execution, 1, "pending", start_time=None, announced_at=timezone.now() - LONG_AGO
    )
    monitor.close()
    found = await found_in(connect)
    assert found["monitor_away"]["remedy"] == "start_services"
    assert "agents_missing" not in found
    assert "runner_missing" not in found
    async with connect() as client:
        status = await call(client, "get_system_status")
        waiting = await call(client, "wait_for_workflow", execution_id=NAME, timeout_s=0)
    codes = [one["code"] for one in status["findings"]]
    assert "monitor_away" in codes
    assert "runner_missing" not in codes
    assert waiting["waiting_for"]
    execution = await application.database(WorkflowExecution.objects.get, pk=NAME)
    (waits,) = await application.database(prospects_of, execution)
    assert waits.code is FindingCode.MONITOR_AWAY


async def test_agents_stopped_by_who_ended_it(connect: Connect, application: Application) -> None:
    """The first cause is the stop, and by whom; that nobody works on the rest follows from it."""

    def stopped() -> None:
        team()
        rows.whole_run(status="terminated")
        WorkflowExecution.objects.update(end_cause="runner_stopped", ended_by="maria")
        RunState.objects.update(phase="processing", slices_completed=0, slices_failed=0)
        agents = SystemAgent.objects.exclude(agent_type="ingest")
        agents.update(operational_state="EXITED")

    await application.database(stopped)
    async with connect() as client:
        told = await call(client, "diagnose_execution", execution_id=NAME)
    of_it = [one for one in told["findings"] if one["subject"] == f"execution {NAME}"]
    first = next(one for one in of_it if one["code"] != "slices_failed")
    assert (first["code"], first["evidence"]["by"]) == ("execution_stopped", "maria")
    (work,) = [one for one in told["findings"] if one["code"] == "work_abandoned"]
    assert work["symptom_of"] == "execution_stopped"


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
    environ = {
        **rows.NO_BROKER,
        "SWF_MONITOR_URL": settings.TESTBED.swf_monitor_url,
        "SWF_SERVICES": "elsewhere",
    }
    settings.TESTBED = load_settings(home=settings.TESTBED.swf_home, environ=environ)
    await application.database(
        rows.agent, "data-agent-shifter-1", agent_type="data", status="WARNING", mq_connected=False
    )
    found = await found_in(connect)
    assert found["broker_away"]["severity"] == "error"
    assert found.get("ingest_away", {}).get("severity") != "error", "it lives, and waits as well"
    assert "runner_missing" not in found, "the cause, not what follows from it"
    async with connect() as client:
        status = await call(client, "get_system_status")
    subjects = [one["subject"] for one in status["findings"]]
    assert subjects[0] == "service broker"
    assert "agent data-agent-shifter-1" not in subjects, "it waits for the broker, as all do"
    assert "queues" not in status, "nobody knows: that is not the same as none"


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
