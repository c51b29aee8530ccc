"""A tool of this server: it refuses unknown arguments, and its errors name what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mcp_server.answers.arguments import problem_of
from mcp_server.answers.error_text import LONGEST_NAME, fault_lines, short_name, short_value
from mcp_server.answers.finding_texts import error_text
from mcp_server.answers.schemas import lean_input, lean_output
from mcp_server.callers import caller_of
from swf_common_lib.config import did_you_mean, nearest
from swf_common_lib.errors import TestbedError
from swf_common_lib.states import TokenScope

_ALIKE = 2
"""How many arguments are suggested at most in place of an unknown one."""


class TestbedTool(Tool):
    """A tool that refuses unknown arguments and callers whose token does not permit it."""

    __test__ = False

    scope: TokenScope = TokenScope.READ

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> Any:
        """Run the tool; raise ToolError with a text that says what to do next."""
        arguments = self.fn_metadata.pre_parse_json(arguments)  # tables that came as their JSON
        self._refuse_unknown(arguments)
        self._refuse_unkept(arguments)
        caller = caller_of(context)
        if not caller.may(self.scope):
            raise ToolError(
                f"{self.name} needs a token with scope '{self.scope}'; this one has "
                f"'{caller.scope}'. Make one with `testbed token create`."
            )
        try:
            return await super().run(arguments, context, convert_result)
        except UnexpectedToolError as error:
            raise _told(self.name, error) from error.__cause__
        except ToolError as error:
            raise self._readable(error) from error.__cause__

    def _refuse_unknown(self, arguments: dict[str, Any]) -> None:
        known = self.parameters.get("properties", {})
        unknown = [name for name in arguments if name not in known]
        if unknown:
            raise ToolError(
                fault_lines(
                    unknown,
                    lambda name: (
                        f"{self.name} has no argument '{short_name(name)}'; {_meant(name, known)}"
                    ),
                )
            )

    def _refuse_unkept(self, arguments: dict[str, Any]) -> None:
        """Refuse values that cannot be stored or shown again, before the tool acts."""
        faults = {name: problem_of(value) for name, value in arguments.items()}
        if wrong := [(name, problem) for name, problem in faults.items() if problem]:
            raise ToolError(fault_lines(wrong, lambda fault: f"{self.name}: {fault[0]} {fault[1]}"))

    def _readable(self, error: ToolError) -> ToolError:
        cause = error.__cause__
        if not isinstance(cause, ValidationError):
            return ToolError(str(cause or error))
        return ToolError(fault_lines(cause.errors(include_url=False), self._fault))

    def _fault(self, fault: ErrorDetails) -> str:
        name = ".".join(str(part) for part in fault["loc"])
        given = "" if fault["type"] == "missing" else f" (given: {short_value(fault['input'])})"
        text = f"{self.name}: {short_name(name)}: {fault['msg']}{given}"
        examples = self.parameters.get("properties", {}).get(name, {}).get("examples")
        return f"{text}; for example {examples[0]!r}" if examples else text


def read_tool(function: Callable[..., Any], title: str) -> TestbedTool:
    """Make a tool that changes nothing."""
    hints = ToolAnnotations(
        read_only_hint=True,
        destructive_hint=False,
        idempotent_hint=True,
        open_world_hint=False,
    )
    return _tool(function, title, hints, TokenScope.READ)


def write_tool(
    function: Callable[..., Any], title: str, *, destructive: bool, idempotent: bool
) -> TestbedTool:
    """Make a tool that changes something, for callers who may operate the testbed."""
    hints = ToolAnnotations(
        read_only_hint=False,
        destructive_hint=destructive,
        idempotent_hint=idempotent,
        open_world_hint=False,
    )
    return _tool(function, title, hints, TokenScope.OPERATE)


def _tool(
    function: Callable[..., Any], title: str, hints: ToolAnnotations, scope: TokenScope
) -> TestbedTool:
    made = TestbedTool.from_function(
        function, title=title, annotations=hints, description=_description(function)
    )
    assert isinstance(made, TestbedTool)  # noqa: S101 - from_function makes its own class
    made.scope = scope
    made.parameters = lean_input(made.parameters)
    if made.fn_metadata.output_schema is not None:
        made.fn_metadata.output_schema = lean_output(made.fn_metadata.output_schema)
        # Results check themselves when they are made. What had to be cut is not checked again: it
        # fits the schema that is published, and need not have the types of what is inside.
        made.fn_metadata.output_model = None
    return made


def _meant(name: str, known: Collection[str]) -> str:
    """Return a hint: the nearest argument, or those that share a word with ``name``, or all."""
    name = name[:LONGEST_NAME]
    words = set(name.casefold().split("_"))
    alike = [one for one in known if words & set(one.split("_"))]
    if nearest(name, known) is None and 0 < len(alike) <= _ALIKE:
        return f"did you mean {' or '.join(alike)}?"
    return did_you_mean(name, known)


def _description(function: Callable[..., Any]) -> str:
    """Return the docstring as one line of text."""
    return " ".join((function.__doc__ or "").split())


def _told(name: str, error: UnexpectedToolError) -> ToolError:
    """Return the error for the caller; the text of a crash stays in this server's log."""
    cause = error.__cause__
    if isinstance(cause, TestbedError):
        return ToolError(error_text(cause))
    return UnexpectedToolError(
        f"{name} failed for a reason of its own; the log of the MCP server has it "
        "(`testbed logs mcp`). get_system_status says whether the testbed is well."
    )
