"""The recipes of docs/extending.md, carried out on one copy of the project that runs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mcp import Client

from swf_common_lib.messaging import BROADCAST
from tests.recipes import copy_project, recipes
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.test_bad_messages_everywhere import connected
from tests.system.test_mcp_session import assistant, call
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A copy of the project with its database, then all recipes; it runs, agents and all."""
    home = tmp_path_factory.mktemp("x")
    copy_project(home)
    stack = Stack.create(home, linked=False)
    try:
        stack.run(["init"])
        for blocks in recipes().values():
            for block in blocks:
                block.apply(home)
        stack.run(["init"])  # brings the database up to the new migration
        stack.run(["start-local"])
        stack.run(["start-agents"])
        yield stack
    finally:
        ended(stack)


@pytest.fixture(scope="module")
def processed(extended: Stack) -> str:
    """An execution whose two STFs were processed."""
    return execution_of(
        extended, "stf_processing", "--stf-count", "2", "--set", "physics_period_count=1"
    )


@pytest.fixture(scope="module")
def faulty(extended: Stack, processed: str) -> dict[str, Any]:
    """The record of a message of the new type that lacks its file."""
    identity = str(uuid.uuid4())
    body = {"msg_type": "stf_archived", "message_id": identity, "execution_id": processed}
    body |= {"run_id": "100001", "namespace": extended.execution(processed)["namespace"]}
    with connected(extended) as connection:
        connection.send(str(BROADCAST), json.dumps(body), headers={"persistent": "true"})
    client = extended.client()
    (record,) = wait_until(lambda: client.get("workflow-messages/", message_id=identity))
    found: dict[str, Any] = record
    return found


def execution_of(stack: Stack, *words: str) -> str:
    """Run a workflow to its end; return its execution's id."""
    stack.run(["run", *words, "--wait"])
    newest: dict[str, Any] = stack.client().get("workflow-executions/", limit=1)[0]
    assert newest["status"] == "completed"
    return str(newest["execution_id"])


def archived(stack: Stack, execution_id: str) -> list[dict[str, Any]]:
    """Return the messages of the new agent."""
    found: list[dict[str, Any]] = stack.client().get(
        "workflow-messages/", execution_id=execution_id, message_type="stf_archived"
    )
    return found


def test_the_new_agent_answers(extended, processed):
    messages = wait_until(lambda: (m := archived(extended, processed)) and len(m) == 2 and m)
    (agent,) = extended.client().get("systemagents/", agent_type="archive")
    assert agent["liveness"] == "alive"
    assert {message["sender_agent"] for message in messages} == {agent["instance_name"]}
    assert all(message["content"]["location"].startswith("tape:/epic/") for message in messages)


def test_the_new_message_type_is_projected(extended, processed):
    (run,) = extended.client().get("runs/", execution_id=processed)

    def files() -> list[dict[str, Any]]:
        rows = extended.client().get("stf-files/", run_number=run["run_number"])
        return [row for row in rows if "archived_at" in row["metadata"]]

    kept = wait_until(lambda: (rows := files()) and len(rows) == 2 and rows)
    for row in kept:
        assert row["metadata"]["archived_at"].endswith(row["stf_filename"])


def test_a_message_of_the_new_type_that_lacks_a_field_is_a_problem(faulty):
    assert "filename" in faulty["problem"]


def test_the_new_field_is_in_rest(extended, processed):
    client = extended.client()
    (run,) = client.get("runs/", execution_id=processed)
    assert run["shift_leader"] == ""
    client.patch(f"runs/{run['run_id']}/", {"shift_leader": "Marie"})
    assert client.get(f"runs/{run['run_id']}/")["shift_leader"] == "Marie"


@pytest.mark.anyio
async def test_the_new_list_is_in_web_rest_and_mcp(extended, faulty):
    rows = extended.client().get("unreadable-messages/", namespace=faulty["namespace"])
    assert faulty["id"] in [row["id"] for row in rows]
    assert f"/messages/{faulty['id']}/" in page_of(extended, "/unreadable-messages/")
    async with assistant(extended) as client:
        listed = await call(client, "list_unreadable_messages", namespace=faulty["namespace"])
    assert faulty["id"] in [item["id"] for item in listed["items"]]


@pytest.mark.anyio
async def test_the_new_tool_is_listed_and_answers(extended, processed):
    async with assistant(extended) as client:
        assert "count_messages" in await names_of_tools(client)
        counts = await call(client, "count_messages", execution_id=processed)
    assert counts["by_type"]["stf_gen"] == 2


@pytest.mark.anyio
async def test_the_new_finding_is_in_rest_web_mcp_and_terminal(extended):
    new = {"code": "namespace_undescribed", "subject": {"kind": "namespace", "id": "tuesday"}}
    client = extended.client()
    client.post("namespaces/ensure/", {"name": "tuesday", "owner": "marie"})
    found = client.get("health/")["findings"]
    assert new in [{name: one[name] for name in new} for one in found]
    async with assistant(extended) as assistant_client:
        told = await call(assistant_client, "get_system_status")
    assert "tuesday, owned by marie, lacks a description" in json.dumps(told)
    printed = " ".join(extended.run("status", COLUMNS="200").stdout.split())
    assert "What namespace tuesday is for is written nowhere; marie may know" in printed
    assert "Nobody has described this namespace of marie." in page_of(extended, "/")


def test_the_new_workflow_runs(extended):
    execution_id = execution_of(extended, "cosmics", "--set", "cosmics.triggers=2")
    (run,) = extended.client().get("runs/", execution_id=execution_id)
    made = extended.client().get(
        "workflow-messages/", execution_id=execution_id, message_type="stf_gen"
    )
    assert [message["content"]["filename"] for message in made] == [
        f"cosmics.{run['run_number']}.{number:06d}.stf" for number in (1, 2)
    ]


def page_of(stack: Stack, path: str) -> str:
    """Return a page of the web UI, read in a session of its own."""
    link = stack.client().post("login-links/")["url"]
    with requests.Session() as browser:
        browser.get(link, timeout=PATIENCE)
        answer = browser.get(stack.settings.swf_monitor_url + path, timeout=PATIENCE)
    assert answer.status_code == 200
    return answer.text


async def names_of_tools(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]
