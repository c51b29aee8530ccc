"""`run_workflow`: a task for clients that know tasks, a call that waits for others."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client.extension import advertise
from mcp_types import Request, RequestParams, Result
from pydantic import ConfigDict

from mcp_server.application import Application
from mcp_server.server import build_server
from mcp_server.tasks import IDENTIFIER
from mcp_server.uris import execution_resource
from monitor.executions import claim, report
from monitor.records.models import WorkflowExecution
from tests.integration.mcp.calls import call, refusal
from tests.integration.mcp.conftest import Connect
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


class Anything(Result):
    """Whatever came."""

    model_config = ConfigDict(extra="allow")


class TaskParams(RequestParams):
    """Names a task, and whatever else."""

    model_config = ConfigDict(extra="allow")


async def ask(client: Client, method: str, **params: Any) -> dict[str, Any]:
    """Send a request that the SDK does not know, and give the whole answer."""
    request = Request[TaskParams, str](method=method, params=TaskParams(**params))
    result = await client.session.send_request(request, Anything)
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


async def begin(client: Client, **arguments: Any) -> dict[str, Any]:
    return await ask(client, "tools/call", name="run_workflow", arguments=arguments)


def with_tasks(application: Application) -> Client:
    return Client(build_server(application), extensions=[advertise(IDENTIFIER)])


async def test_task_to_its_end(application: Application) -> None:
    async with with_tasks(application) as client:
        task = await begin(client, config="fast_processing", idempotency_key="k")
        again = await begin(client, config="fast_processing", idempotency_key="k")
        name = task["taskId"]
        working = await ask(client, "tasks/get", taskId=name)
        await application.database(claim, name, "runner-1")
        await application.database(
            report, name, {"status": "completed"}, actor="runner-1", via="rest"
        )
        done = await ask(client, "tasks/get", taskId=name)
    assert (task["resultType"], task["status"]) == ("task", "working")
    assert task["ttlMs"] is None if "ttlMs" in task else True
    assert task["pollIntervalMs"] > 0
    assert again["taskId"] == name
    assert (working["resultType"], working["status"]) == ("complete", "working")
    assert "result" not in working
    assert done["status"] == "completed"
    assert done["result"]["structuredContent"]["status"] == "completed"
    assert not done["result"].get("isError")


async def test_task_survives_the_server_that_began_it(application: Application) -> None:
    async with with_tasks(application) as client:
        name = (await begin(client))["taskId"]
    async with with_tasks(application) as client:
        assert (await ask(client, "tasks/get", taskId=name))["status"] == "working"


async def test_failure_and_cancellation(application: Application) -> None:
    async with with_tasks(application) as client:
        failing, stopped = (await begin(client))["taskId"], (await begin(client))["taskId"]
        await application.database(claim, failing, "runner-1")
        failure = {"status": "failed", "error_message": "no beam"}
        await application.database(report, failing, failure, actor="runner-1", via="rest")
        await ask(client, "tasks/cancel", taskId=stopped)
        await ask(client, "tasks/cancel", taskId=failing)
        await ask(client, "tasks/update", taskId=stopped, inputResponses={"x": 1})
        failed = await ask(client, "tasks/get", taskId=failing)
        cancelled = await ask(client, "tasks/get", taskId=stopped)
    assert failed["status"] == "completed", "the tool failed, not the protocol"
    assert failed["result"]["isError"] is True
    assert failed["result"]["structuredContent"]["error"] == "no beam"
    assert cancelled["status"] == "cancelled"
    reason = await application.database(
        lambda: WorkflowExecution.objects.get(pk=stopped).status_reason
    )
    assert "the task was cancelled" in reason


async def test_refused_start_makes_no_task(application: Application) -> None:
    async with with_tasks(application) as client:
        answer = await begin(client, config="fast_procesing")
        count = await application.database(WorkflowExecution.objects.count)
        with pytest.raises(MCPError, match="there is no task 'nothing'"):
            await ask(client, "tasks/get", taskId="nothing")
    assert answer["isError"] is True
    assert "did you mean fast_processing_default?" in answer["content"][0]["text"]
    assert count == 0


async def test_clients_without_tasks_wait(connect: Connect, application: Application) -> None:
    for mode in ("auto", "legacy"):
        async with connect(mode=mode) as client:
            standing = await call(client, "run_workflow", timeout_s=0.2)
            text = await refusal(client, "run_workflow", timeout_s=601)
            assert standing["finished"] is False
            assert standing["status"] == "pending"
            assert "less than or equal to 600" in text
    async with connect() as client:
        with pytest.raises(MCPError) as error:
            await ask(client, "tasks/get", taskId=standing["execution_id"])
    assert error.value.error.code == -32021


@pytest.mark.parametrize(
    ("options", "why"),
    [({"read_only": True}, "read-only"), ({"toolsets": ["status"]}, "its toolset is not on")],
)
async def test_server_without_run_workflow_stops_no_task(
    application: Application, options: dict[str, Any], why: str
) -> None:
    async with with_tasks(application) as client:
        name = (await begin(client))["taskId"]
    server = build_server(application, **options)
    async with Client(server, extensions=[advertise(IDENTIFIER)]) as client:
        assert (await ask(client, "tasks/get", taskId=name))["status"] == "working"
        with pytest.raises(MCPError, match=why):
            await ask(client, "tasks/cancel", taskId=name)


async def test_change_of_a_task_reaches_who_listens_to_its_execution(
    application: Application,
) -> None:
    async with with_tasks(application) as client:
        name = (await begin(client))["taskId"]
        async with client.listen(resource_subscriptions=[execution_resource(name)]) as events:
            await application.database(claim, name, "runner-1")
            with anyio.fail_after(PATIENCE):
                event = await anext(events)
    assert getattr(event, "uri", "") == execution_resource(name)
