"""The same tasks for a model that chooses the calls itself.

``TESTBED_EVAL_MODEL`` names it, ``TESTBED_EVAL_KEY`` is the key of its provider, and
``TESTBED_EVAL_URL`` the address that takes messages in the form of Anthropic's Messages API.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.evals.session import Session
from tests.evals.task import Outcome, State, Task, outcome

_MOST_TURNS = 20
_MOST_TOKENS = 2_000
_PATIENCE = 120
_SYSTEM = (
    "You help a physicist with a testbed, through its tools. Answer shortly, with the numbers, ids "
    "and names that the tools gave you, and name the tool that would be used next."
)
_NAMES = ("TESTBED_EVAL_MODEL", "TESTBED_EVAL_KEY", "TESTBED_EVAL_URL")


@dataclass(frozen=True)
class Model:
    """A model, and where it is asked."""

    name: str
    key: str
    url: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Model | None:
        """Return the model that the environment names; None when it names none.

        Raises SystemExit when key or address is missing.
        """
        values = [environment.get(name, "") for name in _NAMES]
        if not values[0]:
            return None
        missing = [name for name, value in zip(_NAMES, values, strict=True) if not value]
        if missing:
            raise SystemExit(f"a model needs {' and '.join(missing)} as well")
        return cls(*values)


async def answered(task: Task, session: Session, state: State, model: Model) -> Outcome:
    """Run a task with the model; the facts must be in its answer."""
    own = session.again()
    text = await _converse(task.asked(state), own, model)
    faults = [f"not in the answer: {fact}" for fact in task.missing(text, state)]
    return outcome(task, own, faults)


async def _converse(question: str, session: Session, model: Model) -> str:
    """Ask the model, make the calls that it wants, and return its text when it wants no more."""
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in await session.tools()
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    async with httpx2.AsyncClient(timeout=_PATIENCE) as http:
        for _ in range(_MOST_TURNS):
            said = await _said(http, model, tools, messages)
            wanted = [part for part in said if part["type"] == "tool_use"]
            if not wanted:
                return "\n".join(part["text"] for part in said if part["type"] == "text")
            messages.append({"role": "assistant", "content": said})
            results = [await _called(session, part) for part in wanted]
            messages.append({"role": "user", "content": results})
    return f"(no answer after {_MOST_TURNS} turns)"


async def _said(
    http: httpx2.AsyncClient,
    model: Model,
    tools: list[dict[str, Any]],
    messages: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    response = await http.post(
        model.url,
        headers={"x-api-key": model.key, "anthropic-version": "2023-06-01"},
        json={
            "model": model.name,
            "max_tokens": _MOST_TOKENS,
            "system": _SYSTEM,
            "tools": tools,
            "messages": messages,
        },
    )
    response.raise_for_status()
    content: list[dict[str, Any]] = response.json()["content"]
    return content


async def _called(session: Session, wanted: Mapping[str, Any]) -> dict[str, Any]:
    before = len(session.read)
    content = await session.call(wanted["name"], **wanted["input"])
    return {
        "type": "tool_result",
        "tool_use_id": wanted["id"],
        "content": session.read[before:].strip(),
        "is_error": "refused" in content,
    }
