"""What an installation says needs a hand, as each of its surfaces has it, asked for real."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from typing import Any

import anyio
import httpx2
import requests
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

from swf_common_lib.findings import Finding, FindingCode, Remedy, Severity
from tests.stack import Stack
from tests.waiting import PATIENCE, wait_until


@dataclass(frozen=True)
class Shown:
    """A finding as far as every surface shows it; ``subject`` is its kind and its id."""

    code: str
    subject: str
    remedy: str


def shown(finding: Finding) -> Shown:
    """Return what every surface has to show of a finding."""
    return Shown(finding.code.value, _subject(finding.as_json()["subject"]), finding.remedy.value)


def _subject(told: dict[str, str]) -> str:
    return f"{told['kind']} {told['id']}".strip()


def rest(stack: Stack, execution_id: str = "") -> list[Finding]:
    """Return what REST finds, of all or of one execution."""
    path = f"workflow-executions/{execution_id}/diagnosis/" if execution_id else "health/"
    client = stack.client()
    try:
        return [Finding.from_json(told) for told in client.get(path)["findings"]]
    finally:
        client.session.close()


def mcp(stack: Stack, execution_id: str = "") -> dict[str, Any]:
    """Return what an assistant is told by ``get_system_status`` or ``diagnose_execution``."""
    if execution_id:
        return tool(stack, "diagnose_execution", execution_id=execution_id)
    return tool(stack, "get_system_status")


def tool(stack: Stack, name: str, /, **arguments: Any) -> dict[str, Any]:
    """Call a tool of the MCP server; return its structured answer with its ``text``."""

    async def call() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {stack.settings.swf_api_token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
            Client(streamable_http_client(stack.settings.swf_mcp_url, http_client=http)) as client,
        ):
            result = await client.call_tool(name, arguments)
        assert isinstance(result, CallToolResult)
        assert not result.is_error, result.content
        text = "\n".join(str(block.text) for block in result.content if block.type == "text")
        return {**(result.structured_content or {}), "text": text}

    return anyio.run(call)


def by_mcp(stack: Stack, execution_id: str = "") -> list[Shown]:
    """Return the findings that an assistant is told of."""
    found = mcp(stack, execution_id)["findings"]
    return [Shown(one["code"], one["subject"], one["remedy"]) for one in found]


def by_rest(stack: Stack, execution_id: str = "") -> list[Shown]:
    """Return the findings that REST has."""
    return [shown(finding) for finding in rest(stack, execution_id)]


def by_terminal(stack: Stack, execution_id: str = "") -> list[Shown]:
    """Return the findings of ``testbed status`` or ``testbed diagnose ID``."""
    words = ["diagnose", execution_id] if execution_id else ["status"]
    done = stack.run([*words, "--json"], check=False)
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads(done.stdout)["findings"]
    return [Shown(one["code"], _subject(one["subject"]), one["remedy"]) for one in found]


def by_page(stack: Stack, execution_id: str = "") -> list[Shown]:
    """Return the findings on the dashboard or on the execution's page."""
    text = page(stack, f"/executions/{execution_id}/" if execution_id else "/")
    entries = _Entries()
    entries.feed(text)
    return entries.found


def page(stack: Stack, path: str) -> str:
    """Return a page of the web UI as somebody who is signed in gets it."""
    client = stack.client()
    link = client.post("login-links/")["url"]
    client.session.close()
    with requests.Session() as browser:
        browser.get(link, timeout=PATIENCE)
        answer = browser.get(stack.settings.swf_monitor_url + path, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.text


class _Entries(HTMLParser):
    """Reads the findings of a page from the attributes of their elements."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Shown] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if "data-code" in told and "data-remedy" in told:
            words = (told["data-code"], told.get("data-subject"), told["data-remedy"])
            self.found.append(Shown(*((word or "").strip() for word in words)))


SURFACES: dict[str, Callable[..., list[Shown]]] = {
    "REST": by_rest,
    "MCP": by_mcp,
    "terminal": by_terminal,
    "page": by_page,
}
"""By name."""


def found(
    stack: Stack,
    code: FindingCode,
    *,
    execution_id: str = "",
    where: Callable[[Finding], bool] = lambda finding: True,
) -> Finding:
    """Wait until a finding is there by REST, of all or of one execution, and return it."""
    seen: list[Finding] = []

    def there() -> Finding | None:
        seen[:] = rest(stack, execution_id)
        return next((one for one in seen if one.code is code and where(one)), None)

    try:
        return wait_until(there)
    except AssertionError:
        told = [shown(one) for one in seen]
        raise AssertionError(f"{code.value} is not found, but {told}") from None


def on_every_surface(
    stack: Stack,
    code: FindingCode,
    remedy: Remedy,
    *,
    subject: str = "",
    execution_id: str = "",
    without: Collection[str] = (),
) -> Finding:
    """Wait for a finding with this remedy, and check that all surfaces show it; return it.

    ``subject``: its kind and id, any if empty. ``execution_id``: in that one's diagnosis.
    ``without``: surfaces that the trouble has put out of order (not REST).
    """

    def asked_for(finding: Finding) -> bool:
        told = shown(finding)
        return finding.remedy is remedy and subject in ("", told.subject)

    finding = found(stack, code, execution_id=execution_id, where=asked_for)
    wanted = shown(finding)
    for name, ask in SURFACES.items():
        if name not in without:
            _wait_shown(name, partial(ask, stack, execution_id), wanted)
    return finding


def _wait_shown(name: str, ask: Callable[[], list[Shown]], wanted: Shown) -> None:
    """Wait until a surface shows a finding: each looks at the broker's queues for itself."""
    told: list[Shown] = []

    def there() -> bool:
        told[:] = ask()
        return wanted in told

    try:
        wait_until(there)
    except AssertionError:
        raise AssertionError(f"{name} does not show {wanted}, but {told}") from None


def gone_from_every_surface(
    stack: Stack, *codes: FindingCode, execution_id: str = "", notes: bool = False
) -> None:
    """Wait until REST finds nothing of this kind any more, and check that no surface shows it.

    ``notes``: also where it is worth a note only, as what was made good is for an hour.
    """

    def left() -> list[Shown]:
        told = rest(stack, execution_id)
        return [
            shown(one)
            for one in told
            if one.code in codes and (notes or one.severity is not Severity.NOTE)
        ]

    try:
        wait_until(lambda: not left())
    except AssertionError:
        raise AssertionError(f"still there: {left()}") from None
    if notes:
        words = {code.value for code in codes}
        for name, ask in SURFACES.items():
            wait_until(
                lambda ask=ask: not [one for one in ask(stack, execution_id) if one.code in words],
                message=f"{name} still shows one of {words}",
            )


def first_answers(stack: Stack, finding: Finding) -> Iterator[str]:
    """Yield the surfaces whose first answer does not begin with this finding."""
    for name, ask in SURFACES.items():
        told = ask(stack)
        if not told or told[0] != shown(finding):
            yield f"{name} begins with {told[:1]}"


def trouble(stack: Stack, execution_id: str = "") -> list[Shown]:
    """Return all that REST and MCP find, notes too: what a healthy testbed has none of."""
    return [*by_rest(stack, execution_id), *by_mcp(stack, execution_id)]


def worst(findings: list[Finding]) -> Severity | None:
    """Return the severity of the worst."""
    return findings[0].severity if findings else None
