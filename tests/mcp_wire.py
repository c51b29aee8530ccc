"""MCP as it is on the wire, for tests that send it without the SDK's client."""

from __future__ import annotations

from typing import Any

ACCEPT = {"Accept": "application/json, text/event-stream"}
"""What every request over HTTP has to say."""
INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
"""The first request of a session in the older era."""
