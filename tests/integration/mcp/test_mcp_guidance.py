"""Answers that lead somewhere: verdicts beside what was measured, and what to do next."""

from __future__ import annotations

from typing import Any

import pytest
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
        (225, 300.0, "come up, data taking lasted 4 s; worker_rampup_time=0 shows them at work"),
        (225, 0.0, "a slice takes 30 s, data taking lasted 4 s; a longer run"),
        (30, 300.0, ""),
    ],
)
async def test_verdict_beside_a_backlog(
    connect: Connect, application: Application, workers: int, rampup: float, expected: str
) -> None:
    await application.database(too_short, workers, rampup)
    async with connect() as client:
        found, text = await told(client, "get_statistics", run_number=rows.RUN)
    assert "as configured, once all workers are ready, they " in text
    assert ("they keep up; in this run 12 of 12 slices were unfinished" in text) is bool(expected)
    assert expected in text
    assert found["run"].get("note", "") == text.partition("; ")[2]


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
    assert text.endswith("; agents are not done with its run")
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
