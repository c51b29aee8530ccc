"""What is written about the MCP server says what the code says."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from django.conf import settings

from mcp_server.reference import documents

CHECKOUT = Path(__file__).parents[3]
REGISTRY_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
REGISTRY_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
VARIABLE = re.compile(r"\{([^}]+)\}")


def test_documents_are_current() -> None:
    for path, wanted in documents(settings.TESTBED).items():
        assert path.read_text() == wanted, f"{path.name}: python -m monitor mcp_reference"


@pytest.mark.parametrize("name", ["server.json", "tools/mcpb/manifest.json"])
def test_versions_are_the_packages(name: str) -> None:
    assert json.loads((CHECKOUT / name).read_text())["version"] == version("swf-testbed")


def test_server_of_the_checkout_is_the_one_over_standard_input() -> None:
    (server,) = json.loads((CHECKOUT / ".mcp.json").read_text())["mcpServers"].values()
    assert server == {"command": ".venv/bin/python", "args": ["-m", "mcp_server", "--stdio"]}


def test_registries_take_the_server() -> None:
    """What the registry's schema asks for, and its checks of names and addresses beyond that."""
    server = json.loads((CHECKOUT / "server.json").read_text())
    assert set(server) == {"$schema", "name", "title", "description", "version", "remotes"}
    assert server["$schema"] == REGISTRY_SCHEMA
    assert 3 <= len(server["name"]) <= 200
    assert REGISTRY_NAME.fullmatch(server["name"])
    assert 1 <= len(server["title"]) <= 100
    assert 1 <= len(server["description"]) <= 100
    (remote,) = server["remotes"]
    assert remote["type"] == "streamable-http"
    assert remote["url"] == "https://{host}/mcp", "https, and no host that only this machine knows"
    (header,) = remote["headers"]
    assert header["name"] == "Authorization"
    for template, variables in (
        (remote["url"], remote["variables"]),
        (header["value"], header["variables"]),
    ):
        assert VARIABLE.findall(template) == list(variables)
        assert all(variable["isRequired"] for variable in variables.values())
    assert header["isSecret"] is header["variables"]["key"]["isSecret"] is True
