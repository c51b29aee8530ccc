"""Answers that lead somewhere: verdicts beside what was measured, and what to do next."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F
from mcp import Client

from mcp_server.application import Application
from monitor.executions import claim, report
from monitor.records.models import RunState, TFSlice, WorkflowExecution
from tests.integration.mcp.calls import call, refusal, text_of
from tests.integration.mcp.conftest import Connect
from tests.integration.web import rows

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]

NAME = "stf_datataking-shifter-0001"
CONFIGURATION = "fast_processing_default is a configuration of stf_datataking: give it as config"


async def told(client: Client, tool: str, /, **arguments: Any) -> tuple[dict[str, Any], str]:
    """Return an answer's structured content and its text."""
    result = await client.call_tool(tool, arguments)
    assert not getattr(result, "is_error", True), text_of(result)
    return getattr(result, "structured_content", None) or {}, text_of(result)


def without_slices() -> None:
    rows.whole_run()
    TFSlice.objects.all().delete()


def too_short(workers: int = 225, rampup: float = 300.0) -> None:
    """Record a run that ends before its many workers are ready: nothing is finished by then."""
    done = rows.whole_run()
    fast = done.parameter_values["fast_processing"]
    fast.update(target_worker_count=workers, worker_rampup_time=rampup)
    done.save()


def unprocessed() -> None:
    rows.whole_run()
    RunState.objects.update(phase="processing")


async def test_run_without_slices(connect: Connect, application: Application) -> None:
    await application.database(without_slices)
    async with connect() as client:
        found, text = await told(client, "get_statistics", run_number=rows.RUN)
    assert text.endswith("no slice was made: the workers had nothing to do")
    assert found["next"] == "diagnose_execution"


@pytest.mark.parametrize(
    ("workers", "rampup", "expected"),
    [
        (225, 300.0, "they come up over 300 s and data taking lasted 6.2 s: worker_rampup_time=0"),
        (225, 0.0, "205 are enough once all are ready: get_run shows how many were at work"),
        (30, 300.0, "205 would keep up (225 by the documents' nominal figures)"),
        (1, 300.0, "its 1 worker did not keep up: 11 of 11 slices waited"),
    ],
)
async def test_verdict_beside_a_backlog(
    connect: Connect, application: Application, workers: int, rampup: float, expected: str
) -> None:
    await application.database(too_short, workers, rampup)
    async with connect() as client:
        found, text = await told(client, "get_statistics", run_number=rows.RUN)
    assert expected in text
    assert "did not keep up: 11 of 11 slices waited for longer than an STF takes (45.9 s" in text
    assert text == f"run {rows.RUN}: {found['verdict']}"
    run = found["run"]
    assert (run["keeps_up"], run["late_slices"], run["over"]) == (False, 11, True)


def prompt(workers: int = 30) -> None:
    """Let each slice begin 0.5 s after its STF."""
    too_short(workers, 0.0)
    TFSlice.objects.update(started_tick=F("created_tick") + 0.5)
    TFSlice.objects.update(finished_tick=F("started_tick") + 30.0)


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (206, "its 206 workers kept up: slices waited 0.5 s on average, 0.5 s at most"),
        (30, "kept up: slices waited 0.5 s on average, 0.5 s at most; in a longer run they would"),
    ],
)
async def test_workers_that_kept_up_are_said_to(
    connect: Connect, application: Application, workers: int, expected: str
) -> None:
    await application.database(prompt, workers=workers)
    async with connect() as client:
        found, text = await told(client, "get_statistics", run_number=rows.RUN)
        whole, _ = await told(client, "diagnose_execution", execution_id=NAME)
    assert expected in text
    assert "do not keep up" not in text
    assert found["run"]["keeps_up"] is True
    assert "workers_too_few" not in {finding.get("code") for finding in whole["findings"]}


def half_failed() -> None:
    """Stop a run of 200 STFs after 47, half of whose slices failed."""
    done = rows.whole_run(47, 15, "terminated")
    done.parameter_values["fast_processing"]["stf_count"] = 200
    done.save()
    RunState.objects.update(slices_completed=345, slices_failed=360)


async def test_progress_counts_what_failed_and_what_is_missing(
    connect: Connect, application: Application
) -> None:
    await application.database(half_failed)
    async with connect() as client:
        found, text = await told(client, "wait_for_workflow", execution_id=NAME)
        listed, _ = await told(client, "list_workflow_executions")
    assert "47 of 200 STFs, 345 of 705 slices done, 360 failed" in text
    assert "finished" not in text
    assert found["progress"]["slices_failed"] == 360
    (item,) = listed["items"]
    assert (item["stf_files"], item["stf_files_requested"]) == (47, 200)
    assert item["slices_failed"] == 360


async def test_wait_for_agents_that_are_not_done_leads_on(
    connect: Connect, application: Application
) -> None:
    await application.database(unprocessed)
    async with connect() as client:
        waiting, text = await told(
            client, "wait_for_workflow", execution_id=NAME, include_processing=True, timeout_s=0
        )
        ended, _ = await told(client, "wait_for_workflow", execution_id=NAME)
        await application.database(rows.agent, "elsewhere", namespace="shift")
        await application.database(WorkflowExecution.objects.update, namespace="nowhere")
        noted, with_note = await told(
            client, "wait_for_workflow", execution_id=NAME, include_processing=True
        )
    assert waiting["finished"] is False
    assert "; agents are not done with its run" in text
    assert ended["finished"] is True
    assert waiting["next"].startswith("diagnose_execution")
    assert ended["next"] == waiting["next"]
    assert with_note.endswith(f"; {noted['note']}")


async def test_run_workflow_follows_its_processing(
    connect: Connect, application: Application
) -> None:
    async with connect() as client:
        begun = await call(client, "run_workflow", idempotency_key="k", timeout_s=0)
        name = begun["execution_id"]
        await application.database(claim, name, "runner-1")
        done = {"status": "completed", "performance_metrics": {"messages_sent": 8}}
        await application.database(report, name, done, actor="runner-1", via="rest")
        followed = await call(client, "run_workflow", idempotency_key="k", timeout_s=0)
        ended = await call(
            client, "run_workflow", idempotency_key="k", timeout_s=0, include_processing=False
        )
    assert (followed["finished"], ended["finished"]) == (False, True)
    assert followed["next"] == ended["next"]


async def test_descriptions_are_those_of_a_bare_start(
    connect: Connect, application: Application
) -> None:
    workflows = application.settings.swf_home / "workflows"
    (workflows / "own.py").write_text(
        '# A line.\n"""Own work.\n\nMore."""\nclass WorkflowExecutor: pass\n'
    )
    async with connect() as client:
        found = await call(client, "list_workflow_definitions")
    said = {item["workflow"]: item["description"] for item in found["items"]}
    assert said["stf_datataking"] == "STF data taking with fast processing of TF samples"
    assert "when no configuration is named" in said["epic_fast_processing"]
    assert said["own"] == "Own work."


async def test_configuration_in_a_workflows_place(
    connect: Connect, application: Application
) -> None:
    await application.database(rows.execution)
    async with connect() as client:
        texts = [
            await refusal(client, "start_workflow", workflow="fast_processing"),
            await refusal(client, "get_workflow_definition", workflow="fast_processing"),
        ]
        for tool in ("list_workflow_definitions", "list_workflow_executions"):
            texts.append((await told(client, tool, workflow_name="fast_processing"))[1])
    for text in texts:
        assert CONFIGURATION in text
        assert "did you mean" not in text


async def test_execution_that_ended_before_its_run(connect: Connect) -> None:
    async with connect() as client:
        name = (await call(client, "start_workflow"))["execution_id"]
        early = await refusal(client, "get_statistics", execution_id=name)
        await call(client, "stop_workflow", execution_id=name)
        late = await refusal(client, "get_statistics", execution_id=name)
        detail = await call(client, "get_workflow_execution", execution_id=name)
        _, again = await told(client, "stop_workflow", execution_id=name)
    assert "has no run yet" in early
    assert "it ended before its run was announced" in late
    assert "get_workflow_execution says how" in late
    assert "ended before its run was announced" in detail["next"]
    assert "nothing was changed" in again


async def test_configuration_of_another_workflow_is_told(connect: Connect) -> None:
    odd = {"workflow": "stf_datataking", "config": "epic_fast_10_workers"}
    async with connect() as client:
        started = await call(client, "start_workflow", **odd)
        checked, text = await told(client, "validate_workflow_config", **odd)
    assert "is made for workflow epic_fast_processing" in started["note"]
    assert checked["ok"] is True
    assert "is made for workflow epic_fast_processing" in text
