"""A model that chooses the calls: here one that says what was written for it."""

from __future__ import annotations

from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer

from tests.evals.live import Model, answered
from tests.evals.session import Session
from tests.evals.task import State, Task, solved
from tests.http_server import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> MCPServer[None]:
    made: MCPServer[None] = MCPServer("workers", log_level="WARNING")

    @made.tool()
    def count_workers(run: int) -> dict[str, int]:
        """Count the workers of a run."""
        return {"workers": 225, "run": run}

    return made


async def _ask(session: Session, given: State) -> None:
    await session.call("count_workers", run=given["run"])


TASK = Task("workers", "How many workers has run {run}?", _ask, ("225", "{run}"), most_calls=1)


async def test_calls_that_the_model_wants_are_made(server: MCPServer[None]) -> None:
    asked: list[dict[str, Any]] = []
    call = {"type": "tool_use", "id": "1", "name": "count_workers", "input": {"run": 7}}
    turns = iter([[call], [{"type": "text", "text": "Run 7 has 225 workers."}]])

    def answer(_method: str, _path: str, body: Any) -> tuple[int, Any]:
        asked.append(body)
        return 200, {"content": next(turns)}

    with serving(answer) as url:
        async with Client(server) as client:
            model = Model("some-model", "key", url)
            outcome = await answered(TASK, Session(client), {"run": 7}, model)
    assert outcome.passed
    assert outcome.calls == ("count_workers",)
    assert asked[0]["messages"][0]["content"] == "How many workers has run 7?"
    assert [tool["name"] for tool in asked[0]["tools"]] == ["count_workers"]
    (result,) = asked[1]["messages"][-1]["content"]
    assert (result["tool_use_id"], result["is_error"]) == ("1", False)
    assert "225" in result["content"]


async def test_facts_that_the_model_leaves_out_fail(server: MCPServer[None]) -> None:
    def answer(_method: str, _path: str, _body: Any) -> tuple[int, Any]:
        return 200, {"content": [{"type": "text", "text": "I do not know of run 7."}]}

    with serving(answer) as url:
        async with Client(server) as client:
            model = Model("some-model", "key", url)
            outcome = await answered(TASK, Session(client), {"run": 7}, model)
    assert outcome.faults == ("not in the answer: 225",)


async def test_without_a_model_the_answers_must_hold_the_facts(server: MCPServer[None]) -> None:
    async def nothing(_session: Session, _given: State) -> None:
        return

    idle = Task("idle", "?", nothing, ("225",))
    async with Client(server) as client:
        good, bad = await solved((TASK, idle), Session(client), {"run": 8})
    assert good.passed
    assert good.bytes > 0
    assert bad.faults == ("not in the answers: 225",)


def test_a_model_needs_key_and_address() -> None:
    assert Model.from_environment({}) is None
    with pytest.raises(SystemExit, match="TESTBED_EVAL_KEY and TESTBED_EVAL_URL"):
        Model.from_environment({"TESTBED_EVAL_MODEL": "some-model"})
