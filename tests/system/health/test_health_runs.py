"""Trouble with the work of runs, made for real, as every surface tells it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import stomp

from swf_common_lib.findings import Finding, FindingCode, Remedy, Severity
from swf_common_lib.roles import DATA, WORKER
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.health.answers import (
    Answers,
    is_processed,
    of_execution,
    start,
    wait_for,
    wait_status,
)
from tests.system.health.surfaces import (
    SURFACES,
    Shown,
    by_mcp,
    by_rest,
    found,
    page,
    rest,
    shown,
    tool,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.system

FAST = "fast_processing_default"
RUN = 900_001
"""Number of a run of somebody's own agents."""
UNANNOUNCED = 900_002


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation whose agents send a heartbeat each second."""
    stack = Stack.create(tmp_path_factory.mktemp("s"), settings={"SWF_HEARTBEAT_INTERVAL": 1})
    soon_killed(stack)
    try:
        stack.start(agents=True)
        yield stack
    finally:
        ended(stack)


def soon_killed(stack: Stack) -> None:
    """Shorten the time until an agent is killed that does not stop: one that is frozen cannot."""
    file = stack.home / "agents.supervisord.conf"
    file.write_text(file.read_text().replace("stopwaitsecs=15", "stopwaitsecs=3"))


def fast(stack: Stack, **body: Any) -> str:
    return start(stack, "stf_datataking", config=FAST, **body)


def wait_processed(stack: Stack, execution_id: str) -> None:
    wait_until(lambda: is_processed(stack, execution_id))


def everywhere(stack: Stack, wanted: Shown, execution_id: str) -> None:
    """Check that every surface shows it, of all and of one execution."""
    Answers(stack).check(wanted, "", execution_id)


def test_a_data_agent_that_is_frozen(stack: Stack) -> None:
    os.kill(stack.pid(DATA.program), signal.SIGSTOP)
    execution_id = fast(stack, parameters={"stf_count": 40, "target_worker_count": 206})
    work = of_execution(FindingCode.WORK_ABANDONED, execution_id, Remedy.RESTART_AGENTS)

    first, *others = wait_for(stack, {work})

    assert (first.code, first.remedy) == (FindingCode.AGENT_FROZEN, Remedy.RESTART_AGENTS)
    assert first.target["programs"] == DATA.program
    (left,) = [one for one in others if shown(one) == work]
    assert (left.fact("data_unanswered"), left.fact("data_asked")) == (40, 40)
    assert left.symptom_of is FindingCode.AGENT_FROZEN
    answers = Answers(stack)
    answers.check(work, "", execution_id)
    for name in SURFACES:
        assert answers.of(name)[0] == shown(first), name
    assert stack.execution(execution_id)["progress"]["stf_files_registered"] == 0

    tool(stack, "stop_agents", agents=[DATA.program])
    tool(stack, "start_agents", agents=[DATA.program])

    wait_processed(stack, execution_id)
    assert stack.execution(execution_id)["progress"]["stf_files_registered"] == 40
    assert by_rest(stack) == [] or worst(rest(stack)) is Severity.NOTE


def worst(findings: list[Finding]) -> Severity:
    return findings[0].severity


def test_agents_that_are_stopped_while_a_run_is_processed(stack: Stack) -> None:
    parameters = {
        "stf_count": 4,
        "no_beam_not_ready_delay": 0,
        "slice_processing_time": 60,
        "worker_rampup_time": 0,
    }
    execution_id = fast(stack, speed=10, parameters=parameters)
    wait_status(stack, execution_id, "completed")
    stack.run(["stop-agents", "data", "fastmon", "fast_processing", "worker"])
    work = of_execution(FindingCode.WORK_ABANDONED, execution_id, Remedy.START_AGENTS)

    finding = next(one for one in wait_for(stack, {work}) if shown(one) == work)

    assert finding.severity is Severity.ERROR
    assert WORKER.program in str(finding.target["programs"])
    assert int(finding.fact("worker_unanswered")) > 0
    everywhere(stack, work, execution_id)

    stack.run(["start-agents"])
    wait_processed(stack, execution_id)
    assert rest(stack, execution_id) == []


def test_agents_that_began_too_late(stack: Stack) -> None:
    stack.run(["stop-agents", "data"])
    execution_id = fast(stack, parameters={"stf_count": 3})
    missing = of_execution(FindingCode.WORK_ABANDONED, execution_id, Remedy.START_AGENTS_THEN_AGAIN)
    wait_for(stack, {missing})
    everywhere(stack, missing, execution_id)

    stack.run(["start-agents", "data"])

    late = of_execution(FindingCode.AGENTS_LATE, execution_id, Remedy.START_AGAIN)
    wait_for(stack, {late})
    everywhere(stack, late, execution_id)


@contextmanager
def broadcasting(stack: Stack) -> Iterator[Any]:
    """Yield what sends a message as somebody's own program does."""
    settings = stack.settings
    connection = stomp.Connection12(
        [(settings.activemq_host, settings.activemq_port)], auto_content_length=False
    )
    connection.connect(settings.activemq_user, settings.activemq_password, wait=True)

    def send(msg_type: str, **fields: Any) -> None:
        body = {
            "msg_type": msg_type,
            "namespace": "foreign",
            "sender": "foreign-agent",
            "run_id": str(RUN),
            "timestamp": datetime.now(timezone.utc).isoformat(),
            **fields,
        }
        headers = {"persistent": "true", "msg_type": msg_type, "namespace": "foreign"}
        connection.send("/topic/epictopic", json.dumps(body), headers=headers)

    try:
        yield send
    finally:
        connection.disconnect(receipt="bye")


def test_a_foreign_data_agent_that_leaves_gaps_and_falls_silent(stack: Stack) -> None:
    execution_id = "foreign-0001"
    client = stack.client()
    named = {"workflow_name": "foreign", "version": "1.0", "workflow_type": "own"}
    definition = client.post(
        "workflow-definitions/", {**named, "definition": "", "parameter_values": {}}
    )
    record = {
        "execution_id": execution_id,
        "workflow_definition": definition["id"],
        "namespace": "foreign",
        "parameter_values": {},
        "status": "running",
        "start_time": datetime.now(timezone.utc).isoformat(),
    }
    client.post("workflow-executions/", record)
    with broadcasting(stack) as send:
        of_run = {"execution_id": execution_id, "state": "run", "substate": "physics"}
        send("run_imminent", **of_run)
        send("start_run", **of_run)
        for sequence in range(1, 6):
            name = f"swf.{RUN}.{sequence:06d}.stf"
            send("stf_gen", filename=name, sequence=sequence, **of_run)
            if sequence not in (2, 3):
                stf = {"size_bytes": 7, "checksum": "0", "tf_count": 1000, "sequence": sequence}
                send("stf_ready", filename=name, **stf, **of_run)
        send("stf_ready", filename=["no", "name"], **of_run)
        slices = [{"slice_id": 1, "tf_first": 0, "tf_last": 9, "tf_count": 10}]
        of_none = {"run_id": str(UNANNOUNCED), "stf_filename": "x.stf", "slices": slices}
        send("tf_slices_registered", tf_filename="x.tf", **of_none)
    wanted = {
        Shown("stf_gap", f"run {RUN}", "read_log"),
        Shown("stf_cadence_stopped", f"run {RUN}", "read_log"),
        Shown("run_not_started", f"run {UNANNOUNCED}", "announce_run"),
    }

    findings = wait_for(stack, wanted)

    gap = next(one for one in findings if one.code is FindingCode.STF_GAP)
    assert (gap.fact("missing"), gap.fact("first"), gap.fact("last")) == (2, 1, 5)
    answers = Answers(stack)
    for one in wanted:
        answers.check(one, "")
    answers.check(Shown("stf_gap", f"run {RUN}", "read_log"), execution_id)
    unclear = found(stack, FindingCode.MESSAGES_NOT_UNDERSTOOD)
    assert unclear.remedy is Remedy.SHOW_MESSAGE
    answers.check(shown(unclear), "")

    over = datetime.now(timezone.utc) - timedelta(minutes=2)
    client.patch(
        f"workflow-executions/{execution_id}/",
        {"status": "completed", "end_time": over.isoformat()},
    )
    open_run = Shown("run_not_closed", f"run {RUN}", "read_log")
    wait_for(stack, {open_run})
    everywhere(stack, open_run, execution_id)


def test_half_the_slices_fail_and_two_workers_are_too_few(stack: Stack) -> None:
    parameters = {"target_worker_count": 2, "slice_failure_rate": 0.8, "stf_count": 4}
    execution_id = fast(stack, parameters=parameters)
    wait_processed(stack, execution_id)
    wanted = of_execution(FindingCode.SLICES_FAILED, execution_id, Remedy.SHOW_SLICES)

    first, *others = rest(stack, execution_id)

    assert shown(first) == wanted
    assert first.severity is Severity.ERROR
    (few,) = [one for one in others if one.code is FindingCode.WORKERS_TOO_FEW]
    assert (few.severity, few.fact("over")) == (Severity.NOTE, True)
    answers = Answers(stack)
    answers.check(wanted, "", execution_id)
    answers.check(shown(few), execution_id)
    progress = stack.execution(execution_id)["progress"]
    assert progress["slices_failed"] == first.fact("failed") > 0
    assert progress["slices_done"] == progress["slices_made"] - progress["slices_failed"]


@pytest.mark.parametrize(("workers", "few"), [(2, True), (30, False), (206, False)])
def test_workers_are_too_few_only_where_slices_wait(stack: Stack, workers: int, few: bool) -> None:
    execution_id = fast(stack, parameters={"target_worker_count": workers})
    wait_processed(stack, execution_id)

    told = rest(stack, execution_id)

    assert [one.code for one in told] == [FindingCode.WORKERS_TOO_FEW] * few
    statistics = tool(stack, "get_workflow_execution", execution_id=execution_id)["statistics"]
    if few:
        assert told[0].fact("workers_to_keep_up") == statistics["workers_to_keep_up"] == 205
        assert told[0].target["workers"] == 205
        assert statistics["keeps_up"] is False


def test_workers_that_are_too_few_while_they_work(stack: Stack) -> None:
    parameters = {"target_worker_count": 2, "no_beam_not_ready_delay": 0, "worker_rampup_time": 0}
    execution_id = fast(stack, speed=10, parameters=parameters)
    few = of_execution(FindingCode.WORKERS_TOO_FEW, execution_id, Remedy.MORE_WORKERS)
    try:
        finding = next(one for one in wait_for(stack, {few}) if shown(one) == few)
        assert finding.severity is Severity.WARNING
        everywhere(stack, few, execution_id)
    finally:
        stack.run(["stop-workflow", execution_id], check=False)


def test_a_run_that_somebody_stopped_before_its_end(stack: Stack) -> None:
    parameters = {"stf_count": 200, "no_beam_not_ready_delay": 0}
    execution_id = fast(stack, speed=20, parameters=parameters)
    wait_until(lambda: stack.execution(execution_id)["progress"]["stf_files_announced"] >= 5)
    stack.run(["stop-workflow", execution_id, "--reason", "coffee"])
    record = wait_status(stack, execution_id, "terminated")
    made = wait_until(
        lambda: (
            is_processed(stack, execution_id)
            and stack.execution(execution_id)["progress"]["stf_files_announced"]
        )
    )

    stopped = found(stack, FindingCode.EXECUTION_STOPPED, execution_id=execution_id)
    assert stopped.severity is Severity.NOTE
    assert stopped.fact("by") == record["executed_by"]
    assert all(one.severity is Severity.NOTE for one in rest(stack, execution_id))
    assert not [one for one in by_rest(stack) if execution_id in one.subject]
    assert shown(stopped) in by_mcp(stack, execution_id)
    answers = Answers(stack)
    answers.check(shown(stopped), execution_id)
    assert record["progress"]["stf_files_requested"] == 200
    of_all = f"{made} of 200"
    words = re.sub(r"<[^>]+>", "", page(stack, f"/executions/{execution_id}/"))
    assert of_all in " ".join(words.split())
    assert of_all in stack.run(["diagnose", execution_id], check=False).stdout
    assert of_all in tool(stack, "diagnose_execution", execution_id=execution_id)["text"]
    told = tool(stack, "get_workflow_execution", execution_id=execution_id)["progress"]
    assert (told["stf_files_announced"], told["stf_files_requested"]) == (made, 200)
