"""Tools, resources and prompts with fixed contents that the official suite asks for."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import zlib
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.subscriptions import PromptsListChanged, ToolsListChanged
from mcp_types import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from mcp_server.server import TestbedServer

_BETWEEN = 0.05
"""Seconds between two notifications, as the suite asks."""

_ADDRESS = {
    "$anchor": "addressDef",
    "type": "object",
    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
}
_EVERY_KEYWORD = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": _ADDRESS},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png() -> bytes:
    """Return an image of one red pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\x00\xff\x00\x00")
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixel) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def wav() -> bytes:
    """Return a sound of one silent sample."""
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    body = (
        b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 1) + b"\x80"
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _image() -> ImageContent:
    return ImageContent(type="image", data=base64.b64encode(png()).decode(), mime_type="image/png")


def _embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=contents)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def add_contents(server: TestbedServer) -> None:
    """Add all of this module to ``server``."""
    for function in (
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
        test_tool_with_progress,
        test_tool_with_logging,
        test_reconnection,
        test_x_mcp_header,
    ):
        server.add_tool(function, structured_output=False)
    server.add_tool(test_tool_with_logging, name="test_logging_tool", structured_output=False)
    _add_odd_schema(server)
    _add_changes(server)
    _add_resources(server)
    _add_prompts(server)


async def test_simple_text() -> str:
    """Return a text."""
    return "This is a simple text response for testing."


async def test_image_content() -> ImageContent:
    """Return an image."""
    return _image()


async def test_audio_content() -> AudioContent:
    """Return a sound."""
    data = base64.b64encode(wav()).decode()
    return AudioContent(type="audio", data=data, mime_type="audio/wav")


async def test_embedded_resource() -> EmbeddedResource:
    """Return a resource within the result."""
    return _embedded(
        "test://embedded-resource", "text/plain", "This is an embedded resource content."
    )


async def test_multiple_content_types() -> list[Any]:
    """Return a text, an image and a resource."""
    data = json.dumps({"test": "data", "value": 123})
    return [
        _text("Multiple content types test:"),
        _image(),
        _embedded("test://mixed-content-resource", "application/json", data),
    ]


async def test_error_handling() -> str:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(context: Context[Any, Any]) -> str:
    """Report progress in three steps."""
    for step in (0, 50, 100):
        await context.report_progress(step, 100, f"{step} of 100")
        await asyncio.sleep(_BETWEEN)
    return "done"


async def test_tool_with_logging(context: Context[Any, Any]) -> str:
    """Send three log messages."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.info(text)
        await asyncio.sleep(_BETWEEN)
    return "done"


async def test_reconnection(context: Context[Any, Any]) -> str:
    """Close the stream of its own request before it answers."""
    await context.close_sse_stream()
    return "done"


async def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> str:
    """Return an argument that a header repeats."""
    return region


def _add_odd_schema(server: TestbedServer) -> None:
    async def json_schema_2020_12_tool(name: str = "") -> str:
        """Return an argument whose schema has every keyword."""
        return name

    server.add_tool(json_schema_2020_12_tool, structured_output=False)
    tool = server._tool_manager.get_tool("json_schema_2020_12_tool")
    assert tool is not None
    tool.parameters = _EVERY_KEYWORD


def _add_changes(server: TestbedServer) -> None:
    """Tools that change the lists of tools and prompts while clients listen."""

    async def test_trigger_tool_change() -> str:
        """Notify that the list of tools changed."""
        await server.bus.publish(ToolsListChanged())
        return "told"

    async def test_trigger_prompt_change() -> str:
        """Notify that the list of prompts changed."""
        await server.bus.publish(PromptsListChanged())
        return "told"

    server.add_tool(test_trigger_tool_change, structured_output=False)
    server.add_tool(test_trigger_prompt_change, structured_output=False)


def _add_resources(server: TestbedServer) -> None:
    @server.resource("test://static-text", description="A text.", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", description="An image.", mime_type="image/png")
    def static_binary() -> bytes:
        return png()

    @server.resource("test://watched-resource", description="A text.", mime_type="text/plain")
    def watched_resource() -> str:
        return "Watched resource content"

    @server.resource(
        "test://template/{id}/data", description="By id.", mime_type="application/json"
    )
    def template(id: str) -> str:  # noqa: A002 - the name in the suite's template
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _add_prompts(server: TestbedServer) -> None:
    @server.prompt(description="A prompt.")
    def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    @server.prompt(description="A prompt with arguments.")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt(description="A prompt with a resource.")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:  # noqa: N803
        text = "Embedded resource content for testing."
        return [
            UserMessage(_embedded(resourceUri, "text/plain", text)),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt(description="A prompt with an image.")
    def test_prompt_with_image() -> list[Any]:
        return [UserMessage(_image()), UserMessage("Please analyze the image above.")]
