"""Claude Code with an empty home, and the bundle for desktop assistants: is the server found?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.conformance.node_tools import run
from tests.stack import CHECKOUT

_QUIET = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
_PATIENCE = {"MCP_TIMEOUT": "60000"}
_BUNDLE = CHECKOUT / "tools" / "mcpb"


def connect(url: str, token: str, testbed_home: Path, home: Path) -> str:
    """Make `claude mcp list` connect by HTTP, and by stdio as module, `.mcp.json` and bundle say.

    Returns what it printed. Raises AssertionError when one of them does not connect.
    """
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"enableAllProjectMcpServers": True}))
    environment = {**_QUIET, **_PATIENCE, "SWF_HOME": str(testbed_home)}
    by_module = (sys.executable, "-m", "mcp_server", "--stdio")
    by_bundle = (sys.executable, str(_BUNDLE / "start.py"), str(CHECKOUT))

    def claude(*arguments: str) -> str:
        done = run("claude", "mcp", *arguments, home=home, folder=CHECKOUT, environment=environment)
        assert done.returncode == 0, f"{arguments[:2]}: {done.stdout}{done.stderr}"
        return done.stdout

    header = f"Authorization: Bearer {token}"
    claude("add", "--transport", "http", "over-http", url, "--header", header)
    claude("add", "over-stdio", "--", *by_module)
    claude("add", "by-bundle", "--", *by_bundle)
    printed = claude("list")
    for name in ("over-http", "over-stdio", "by-bundle", "swf-testbed"):
        lines = [line for line in printed.splitlines() if line.startswith(f"{name}:")]
        assert len(lines) == 1, printed
        assert lines[0].endswith("Connected"), printed
    return printed.strip()


def validate_bundle(home: Path) -> str:
    """Check the bundle's manifest with the bundle's own tool; raise AssertionError for a fault."""
    done = run("mcpb", "validate", str(_BUNDLE / "manifest.json"), home=home)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout.strip()
