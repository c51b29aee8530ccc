"""The server on standard input and output, as a client starts it."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.broker_process import BrokerProcess
from tests.integration.mcp.mcp_process import ROOT, Installation
from tests.mcp_wire import INITIALIZE
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture
def installation(
    home: Path, broker: BrokerProcess, new_database: Callable[[], dict[str, str]]
) -> Installation:
    made = Installation(home, {**broker.environ, **new_database()})
    made.initialise()
    return made


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_session(installation: Installation, mode: str) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "mcp_server", "--stdio"],
        env=installation.environment,
        cwd=ROOT,
    )
    async with Client(parameters, mode=mode) as client:
        assert len((await client.list_tools()).tools) == 28
        started = await client.call_tool("start_workflow", {"stf_count": 2})
        assert not started.is_error
        assert started.structured_content is not None
        execution_id = started.structured_content["execution_id"]
        assert execution_id.startswith("stf_datataking-")
        found = await client.call_tool("list_workflow_executions", {})
        refused = await client.call_tool("list_messages", {"limt": 1})
        if mode == "auto":
            uri = started.structured_content["resource"]
            async with client.listen(resource_subscriptions=[uri]) as events:
                await client.call_tool("stop_workflow", {"execution_id": execution_id})
                with anyio.fail_after(PATIENCE):
                    await anext(events)
    assert found.structured_content is not None
    (item,) = found.structured_content["items"]
    assert item["execution_id"] == execution_id
    assert getpass.getuser() in execution_id
    assert refused.is_error


def test_nothing_but_messages_on_stdout_and_an_end_with_its_input(
    installation: Installation,
) -> None:
    requests = [
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "method": "tools/call",
            "params": {"name": "get_workflow_execution", "arguments": {"execution_id": "x"}},
        },
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "mcp_server", "--stdio"],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines = []
    try:
        for request in requests:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            if "id" in request:
                lines.append(process.stdout.readline())
        rest, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    answers = [json.loads(line) for line in lines + rest.splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["isError"] is True
    assert process.returncode == 0
    assert "Traceback" not in errors
