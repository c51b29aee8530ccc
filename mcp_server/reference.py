"""The description of all tools, as the documents hold it; `python -m monitor mcp_reference`.

These are the reference in `docs/mcp.md` and the list in the manifest of the MCPB bundle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer

from mcp_server.application import Application
from mcp_server.server import build_server
from mcp_server.toolsets import TOOLSETS
from swf_common_lib.settings import Settings

_CHECKOUT = Path(__file__).parent.parent
DOCUMENT = _CHECKOUT / "docs" / "mcp.md"
MANIFEST = _CHECKOUT / "tools" / "mcpb" / "manifest.json"
BEGIN = "<!-- What follows is written by `python -m monitor mcp_reference`. -->"

_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "maxLength": "at most {} characters",
}


async def reference(server: MCPServer[Application], toolsets: Mapping[str, Sequence[Any]]) -> str:
    """Return the reference as Markdown: tools by toolset, resources, prompts.

    ``toolsets``: the tools of each set, as ``mcp_server.toolsets`` makes them.
    """
    parts = [BEGIN, "## Tools"]
    for name, tools in toolsets.items():
        parts.append(f"### Toolset `{name}`")
        parts += [_tool(tool) for tool in tools]
    parts.append("## Resources")
    resources = [(one.uri, one) for one in await server.list_resources()]
    templates = [(one.uri_template, one) for one in await server.list_resource_templates()]
    parts.append(
        "\n".join(f"- `{uri}` ({one.mime_type}): {one.description}" for uri, one in resources)
        + "\n"
        + "\n".join(f"- `{uri}` ({one.mime_type}): {one.description}" for uri, one in templates)
    )
    parts.append("## Prompts")
    parts.append("\n".join(_prompt(prompt) for prompt in await server.list_prompts()))
    return "\n\n".join(parts) + "\n"


def with_reference(document: str, generated: str) -> str:
    """Return ``document`` with everything from ``BEGIN`` on replaced by ``generated``."""
    written_by_hand, _, _ = document.partition(BEGIN)
    return f"{written_by_hand.rstrip()}\n\n{generated}"


def _tool(tool: Any) -> str:
    lines = [f"#### `{tool.name}`", "", f"{tool.description}", "", f"*{_kind(tool)}*"]
    schema = tool.parameters
    rows = list(_parameters(schema))
    if rows:
        lines += ["", "| parameter | type | meaning | example |", "|---|---|---|---|", *rows]
    output = tool.output_schema or {}
    names = ", ".join(f"`{name}`" for name in output.get("properties", {}))
    if names:
        lines += ["", f"Returns {names}."]
    return "\n".join(lines)


def _kind(tool: Any) -> str:
    hints = tool.annotations
    if hints.read_only_hint:
        return "Changes nothing; scope `read`."
    words = ["Destructive" if hints.destructive_hint else "Changes the testbed"]
    if hints.idempotent_hint:
        words.append("again is the same as once")
    return f"{', '.join(words)}; scope `{tool.scope}`."


def _parameters(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        kind = " or ".join(f"`{value}`" for value in one["enum"]) if "enum" in one else one["type"]
        if name in required:
            kind += ", required"
        bounds = [form.format(one[key]) for key, form in _BOUNDS.items() if key in one]
        default = one.get("default")
        if default not in (None, ""):
            bounds.append(f"default {json.dumps(default)}")
        meaning = " ".join([one.get("description", ""), f"({'; '.join(bounds)})" if bounds else ""])
        examples = ", ".join(f"`{json.dumps(value)}`" for value in one.get("examples", ()))
        yield f"| `{name}` | {kind} | {_cell(meaning)} | {_cell(examples)} |"


def _prompt(prompt: Any) -> str:
    lines = [f"- `{prompt.name}`: {prompt.description}"]
    for argument in prompt.arguments or ():
        optional = "" if argument.required else ", optional"
        lines.append(f"  - `{argument.name}`{optional}: {argument.description or ''}".rstrip(": "))
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")


def documents(settings: Settings) -> dict[Path, str]:
    """Return each document's path with its up-to-date text."""
    toolsets = {name: make() for name, make in TOOLSETS.items()}
    application = Application(settings)
    try:
        generated = anyio.run(reference, build_server(application), toolsets)
    finally:
        application.close()
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    manifest["tools"] = [
        {"name": tool.name, "description": tool.title}
        for tools in toolsets.values()
        for tool in tools
    ]
    return {
        DOCUMENT: with_reference(DOCUMENT.read_text(encoding="utf-8"), generated),
        MANIFEST: json.dumps(manifest, indent=2) + "\n",
    }
