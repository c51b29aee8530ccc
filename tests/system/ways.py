"""The ways in which a user can start a workflow or change an execution, each as one call."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
import requests
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from swf_common_lib.errors import TestbedError
from tests.stack import Stack
from tests.waiting import PATIENCE

WORKFLOW = "stf_datataking"
DONE = 0
FORM_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
NOTICE = re.compile(r'<div class="notice tone-bad" role="alert">(.*?)</div>', re.S)


@dataclass(frozen=True)
class Start:
    """What is to be started."""

    workflow: str = WORKFLOW
    config: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def assignments(self) -> list[str]:
        """Return the parameters as arguments of a command line."""
        return [word for k, v in self.parameters.items() for word in ("--set", f"{k}={v}")]


@dataclass(frozen=True)
class Told:
    """The outcome: what the user reads, and an exit status or an HTTP status."""

    text: str
    status: int = DONE

    @property
    def refused(self) -> bool:
        """Return whether it was refused."""
        return self.status != DONE


def command(stack: Stack, *words: str, **environment: str) -> Told:
    """Run a Python program of the installation; it may fail, never with a traceback."""
    done = stack.execute([sys.executable, *words], check=False, **environment)
    assert "Traceback" not in done.stderr, done.stderr
    if done.returncode:
        assert not done.stdout.strip(), "a refusal belongs on standard error alone"
        assert done.returncode in (1, 2), done.returncode
    return Told(done.stderr if done.returncode else done.stdout, done.returncode)


def testbed(stack: Stack, *words: str, **environment: str) -> Told:
    """Run a `testbed` command."""
    return command(stack, "-m", "orchestrator.cli", *words, **environment)


testbed.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it


def by_command_line(stack: Stack, start: Start, **environment: str) -> Told:
    """Start with ``testbed run-workflow``."""
    config = ["--config", start.config] if start.config else []
    return testbed(
        stack, "run-workflow", start.workflow, *config, *start.assignments, **environment
    )


def by_message(stack: Stack, start: Start, **environment: str) -> Told:
    """Start with ``send_workflow_command.py run``."""
    words = ["--workflow", start.workflow, *_workflow_config(start), *start.assignments]
    return command(stack, "workflows/send_workflow_command.py", "run", *words, **environment)


def by_run_once(stack: Stack, start: Start, **environment: str) -> Told:
    """Start with ``workflow_runner.py --run-once``."""
    words = [start.workflow, *_workflow_config(start), *start.assignments]
    return command(stack, "workflows/workflow_runner.py", "--run-once", *words, **environment)


def by_rest(stack: Stack, start: Start) -> Told:
    """Start with a POST."""
    body = {
        "workflow": start.workflow,
        "config": start.config or None,
        "parameters": dict(start.parameters),
    }
    return rest(stack, "workflow-executions/start/", body)


def by_mcp(stack: Stack, start: Start) -> Told:
    """Start with the MCP tool."""
    arguments = {"workflow": start.workflow, "parameters": dict(start.parameters)}
    return tool(stack, "start_workflow", **arguments, config=start.config)


def by_form(stack: Stack, start: Start) -> Told:
    """Start with the form on the dashboard, which asks for a configuration."""
    lines = "\n".join(f"{name} = {value}" for name, value in start.parameters.items())
    config = start.config or f"{start.workflow}_default"
    return submit(stack, "/executions/start/", config=config, mode="fast", parameters=lines)


def _workflow_config(start: Start) -> list[str]:
    return ["--workflow-config", start.config] if start.config else []


def rest(stack: Stack, path: str, body: Any) -> Told:
    """POST to the REST interface."""
    client = stack.client()
    try:
        return Told(str(client.post(path, body)))
    except TestbedError as error:
        return Told(str(error), error.http_status)
    finally:
        client.session.close()


def tool(stack: Stack, name: str, **arguments: Any) -> Told:
    """Call a tool as an assistant does."""

    async def call() -> Told:
        headers = {"Authorization": f"Bearer {stack.settings.swf_api_token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
            Client(streamable_http_client(stack.settings.swf_mcp_url, http_client=http)) as client,
        ):
            result = await client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
        return Told(f"{text} {result.structured_content or ''}", int(bool(result.is_error)))

    return anyio.run(call)


def submit(stack: Stack, path: str, **fields: str) -> Told:
    """Send a form of the web UI in a session of its own."""
    url = stack.settings.swf_monitor_url
    client = stack.client()
    link = client.post("login-links/")["url"]
    client.session.close()
    with requests.Session() as browser:
        page = browser.get(link, timeout=PATIENCE)
        token = FORM_TOKEN.search(page.text)
        assert token, "no form on the page that a login leads to"
        answer = browser.post(
            url + path,
            data={**fields, "csrfmiddlewaretoken": token[1]},
            headers={"Referer": page.url},
            allow_redirects=False,
            timeout=PATIENCE,
        )
    if answer.status_code == 302:
        return Told(answer.headers["Location"])
    notices = " ".join(NOTICE.findall(answer.text))
    return Told(html.unescape(re.sub(r"<[^>]+>", " ", notices)), answer.status_code)


Way = Callable[..., Told]
PROGRAMS: tuple[Way, ...] = (by_command_line, by_message, by_run_once)
SERVERS: tuple[Way, ...] = (by_rest, by_mcp, by_form)


def changed(stack: Stack, way: str, change: str, execution_id: str) -> Told:
    """Ask for a stop, pause or resume in one of the five ways."""
    if way == "command line":
        return testbed(stack, f"{change}-workflow", execution_id)
    if way == "message":
        script = "workflows/send_workflow_command.py"
        return command(stack, script, change, "--execution-id", execution_id)
    if way == "rest":
        return rest(stack, f"workflow-executions/{execution_id}/{change}/", {})
    if way == "mcp":
        return tool(stack, f"{change}_workflow", execution_id=execution_id)
    return submit(stack, f"/executions/{execution_id}/{change}/")
