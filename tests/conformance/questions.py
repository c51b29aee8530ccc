"""Tools and a prompt that ask the client back, as the official suite asks for.

In protocol 2025-11-25 the server sends requests of its own; in 2026-07-28 a result says what input
is missing, and the client calls again with it.
"""

from __future__ import annotations

import json
from typing import Any

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    TextContent,
)

from mcp_server.server import TestbedServer

Asking = Context[Any, Any]


def add_questions(server: TestbedServer) -> None:
    """Add all of this module to ``server``."""
    for function in (
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_missing_capability,
        test_streaming_elicitation,
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_tampered_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_capabilities,
    ):
        server.add_tool(function, structured_output=False)
    server.prompt(description="A prompt that asks first.")(test_input_required_result_prompt)


# Requests of the server's own (2025-11-25)


async def test_sampling(prompt: str, context: Asking) -> str:
    """Ask the client's model."""
    result = await context.session.create_message(
        [_said(prompt)], max_tokens=100, related_request_id=context.request_id
    )
    return f"LLM response: {getattr(result.content, 'text', '')}"


async def test_elicitation(message: str, context: Asking) -> str:
    """Ask the user to fill in a form."""
    schema = _form(
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    return f"User response: {await _elicited(context, message, schema)}"


async def test_elicitation_sep1034_defaults(context: Asking) -> str:
    """Ask the user to fill in a form whose fields have defaults."""
    status = {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"}
    schema = _form(
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status=status,
        verified={"type": "boolean", "default": True},
    )
    return f"Elicitation completed: {await _elicited(context, 'Your details', schema)}"


async def test_elicitation_sep1330_enums(context: Asking) -> str:
    """Ask the user to fill in a form of choices, in each way that choices can be written."""
    plain = ["option1", "option2", "option3"]
    titles = ["First", "Second", "Third"]
    schema = _form(
        untitledSingle={"type": "string", "enum": plain},
        titledSingle={"type": "string", "oneOf": _titled(titles, "Option")},
        legacyEnum={
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
        titledMulti={"type": "array", "items": {"anyOf": _titled(titles, "Choice")}},
    )
    return f"Elicitation completed: {await _elicited(context, 'Your choices', schema)}"


# Results that ask for input (2026-07-28)


async def test_missing_capability(context: Asking) -> str:
    """Need a client that can sample."""
    capabilities = context.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            "sampling is needed",
            {"requiredCapabilities": {"sampling": {}}},
        )
    return "done"


async def test_streaming_elicitation(context: Asking) -> InputRequiredResult:
    """Report progress, then ask."""
    await context.report_progress(0, 1, "asking")
    return InputRequiredResult(input_requests={"user_name": _name_question()})


async def test_input_required_result_elicitation(context: Asking) -> str | InputRequiredResult:
    """Greet by a name that is asked for."""
    name = filled(context, "user_name").get("name")
    if name is None:
        return InputRequiredResult(input_requests={"user_name": _name_question()})
    return f"Hello, {name}!"


async def test_input_required_result_sampling(context: Asking) -> str | InputRequiredResult:
    """Ask the client's model for a capital."""
    answer = (context.input_responses or {}).get("capital_question")
    if answer is None:
        question = _sampling("What is the capital of France?", 100)
        return InputRequiredResult(input_requests={"capital_question": question})
    return str(getattr(answer.content, "text", answer))


async def test_input_required_result_list_roots(context: Asking) -> str | InputRequiredResult:
    """Return the client's roots."""
    answer = (context.input_responses or {}).get("client_roots")
    if answer is None:
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return ", ".join(str(root.uri) for root in answer.roots)


async def test_input_required_result_request_state(context: Asking) -> str | InputRequiredResult:
    """Ask with a state, which must come back."""
    if context.request_state != "asked" or "ok" not in filled(context, "confirm"):
        return InputRequiredResult(
            input_requests={"confirm": _confirmation()}, request_state="asked"
        )
    return "state-ok"


async def test_input_required_result_tampered_state(context: Asking) -> str | InputRequiredResult:
    """Ask with a state, which must come back unchanged."""
    return await test_input_required_result_request_state(context)


async def test_input_required_result_multiple_inputs(context: Asking) -> str | InputRequiredResult:
    """Ask three things at once."""
    questions = {
        "user_name": _name_question(),
        "greeting": _sampling("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    if not set(questions) <= set(context.input_responses or {}):
        return InputRequiredResult(input_requests=questions, request_state="asked")
    return "all answered"


async def test_input_required_result_multi_round(context: Asking) -> str | InputRequiredResult:
    """Ask for a name, then for a colour."""
    name = filled(context, "step1").get("name")
    colour = filled(context, "step2").get("color")
    if context.request_state is None or (context.request_state == "round-1" and name is None):
        question = elicitation("Step 1: What is your name?", name={"type": "string"})
        return InputRequiredResult(input_requests={"step1": question}, request_state="round-1")
    if context.request_state == "round-1":
        question = elicitation("Step 2: What is your favorite color?", color={"type": "string"})
        state = json.dumps({"name": name})
        return InputRequiredResult(input_requests={"step2": question}, request_state=state)
    return f"{json.loads(context.request_state)['name']} likes {colour}"


async def test_input_required_result_capabilities(context: Asking) -> str | InputRequiredResult:
    """Ask only what the client can answer."""
    capabilities = context.client_capabilities
    questions: dict[str, Any] = {}
    if capabilities and capabilities.sampling is not None:
        questions["greeting"] = _sampling("Generate a greeting", 50)
    if capabilities and capabilities.elicitation is not None:
        questions["user_name"] = _name_question()
    return InputRequiredResult(input_requests=questions) if questions else "nothing to ask"


async def test_input_required_result_prompt(context: Asking) -> str | InputRequiredResult:
    """Ask for the context of a prompt."""
    given = filled(context, "user_context").get("context")
    if given is None:
        question = elicitation("What context should the prompt use?", context={"type": "string"})
        return InputRequiredResult(input_requests={"user_context": question})
    return f"Work in this context: {given}"


async def _elicited(context: Asking, message: str, schema: dict[str, Any]) -> str:
    result = await context.session.elicit_form(message, schema, context.request_id)
    return f"action={result.action}, content={json.dumps(result.content)}"


def _said(text: str) -> SamplingMessage:
    return SamplingMessage(role="user", content=TextContent(type="text", text=text))


def _sampling(text: str, max_tokens: int) -> CreateMessageRequest:
    params = CreateMessageRequestParams(messages=[_said(text)], max_tokens=max_tokens)
    return CreateMessageRequest(params=params)


def _form(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


def filled(context: Asking, key: str) -> dict[str, Any]:
    """Return the accepted form that answers the question ``key``; empty without one."""
    answer = (context.input_responses or {}).get(key)
    return (answer.content or {}) if isinstance(answer, ElicitResult) else {}


def elicitation(message: str, **fields: dict[str, Any]) -> ElicitRequest:
    """Return the question for a form with these fields, all required."""
    params = ElicitRequestFormParams(message=message, requested_schema=_form(**fields))
    return ElicitRequest(params=params)


def _name_question() -> ElicitRequest:
    return elicitation("What is your name?", name={"type": "string"})


def _confirmation() -> ElicitRequest:
    return elicitation("Please confirm", ok={"type": "boolean"})


def _titled(titles: list[str], noun: str) -> list[dict[str, str]]:
    return [
        {"const": f"value{number}", "title": f"{title} {noun}"}
        for number, title in enumerate(titles, 1)
    ]
