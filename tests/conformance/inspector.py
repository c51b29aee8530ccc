"""The MCP Inspector on the command line: it lists every tool and calls every tool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.node_tools import run

ERAS = ("legacy", "modern")
"""The Inspector's names of the protocols 2025-11-25 and 2026-07-28."""

_AT_ONCE = 4
"""Inspectors that run side by side; each waits more than it works."""


@dataclass(frozen=True)
class Inspector:
    """The Inspector for one server over HTTP, in one era."""

    url: str
    token: str
    era: str
    home: Path

    def tools(self) -> list[str]:
        """List the tools, strictly: a schema that clients cannot take fails."""
        listed = self._ask("--method", "tools/list", "--strict")
        return [tool["name"] for tool in listed["tools"]]

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool and give its structured content."""
        result = self._ask(
            "--method",
            "tools/call",
            "--tool-name",
            tool,
            "--tool-args-json",
            json.dumps(arguments),
        )
        assert not result.get("isError"), f"{tool}: {result['content']}"
        content: dict[str, Any] = result["structuredContent"]
        return content

    def call_all(
        self, calls: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Call these tools side by side."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            yield from zip(
                calls, threads.map(lambda item: self.call(*item), calls.items()), strict=True
            )

    def _ask(self, *arguments: str) -> dict[str, Any]:
        done = run(
            "mcp-inspector",
            "--cli",
            "--server-url",
            self.url,
            "--header",
            f"Authorization: Bearer {self.token}",
            "--protocol-era",
            self.era,
            "--format",
            "json",
            *arguments,
            home=self.home,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout)["result"]
        return result
