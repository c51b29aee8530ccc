"""What is written about the MCP server says what the code says."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from mcp_server.catalogue import documents

CHECKOUT = Path(__file__).parents[3]


def test_documents_are_current() -> None:
    for path, wanted in documents().items():
        assert path.read_text() == wanted, f"{path.name}: python -m mcp_server.catalogue"


@pytest.mark.parametrize("name", ["server.json", "tools/mcpb/manifest.json"])
def test_versions_are_the_packages(name: str) -> None:
    assert json.loads((CHECKOUT / name).read_text())["version"] == version("swf-testbed")


def test_server_of_the_checkout_is_the_one_over_standard_input() -> None:
    (server,) = json.loads((CHECKOUT / ".mcp.json").read_text())["mcpServers"].values()
    assert server == {"command": ".venv/bin/python", "args": ["-m", "mcp_server", "--stdio"]}
