"""Checks of the MCP server: a session is opened with the operator's token, and closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests

from orchestrator.doctor.check_result import CheckResult, SameTrouble, error, ok, warning
from swf_common_lib.findings import FindingCode
from swf_common_lib.monitor_client import new_session
from swf_common_lib.settings import Settings

_TIMEOUT = 10.0
_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "testbed-doctor", "version": "1"},
    },
}


def check_mcp(settings: Settings) -> Iterator[CheckResult]:
    """Check that assistants can open a session."""
    session = new_session(settings.swf_mcp_url, "", settings.swf_monitor_ca_certs)
    session.headers["Authorization"] = f"Bearer {settings.swf_api_token}"
    session.headers["Accept"] = "application/json, text/event-stream"
    try:
        with session, session.post(settings.swf_mcp_url, json=_HELLO, timeout=_TIMEOUT) as answer:
            yield _judge(settings, answer)
            if identity := answer.headers.get("mcp-session-id"):
                headers = {"mcp-session-id": identity}
                session.delete(settings.swf_mcp_url, headers=headers, timeout=_TIMEOUT).close()
    except requests.RequestException as fault:
        detail = f"{settings.swf_mcp_url} does not answer ({type(fault).__name__})"
        yield warning(
            "mcp",
            detail,
            "`testbed start-local` starts it, if assistants are to use it.",
            SameTrouble((FindingCode.MCP_AWAY,), "mcp"),
        )


def _judge(settings: Settings, answer: requests.Response) -> CheckResult:
    if answer.status_code == 401:
        remedy = "`testbed token` prints this installation's; `testbed init` makes one if it lacks."
        return error("mcp", f"{settings.swf_mcp_url} refuses the token", remedy)
    server = _server(answer)
    if not server:
        detail = f"{settings.swf_mcp_url} answers {answer.status_code}, not as an MCP server"
        return error("mcp", detail, "Its log says more: testbed logs mcp.")
    return ok("mcp", f"{settings.swf_mcp_url}: {server}")


def _server(answer: requests.Response) -> str:
    """Return the server's name and version from its answer (JSON or an event); "" if neither."""
    if not answer.ok:
        return ""
    for line in answer.text.splitlines():
        text = line.removeprefix("data:").strip()
        if text.startswith("{"):
            try:
                reply: Any = json.loads(text)
                info = reply["result"]["serverInfo"]
            except (ValueError, KeyError, TypeError):
                return ""
            return f"{info.get('name')} {info.get('version')}"
    return ""
