"""The findings that a page of the monitor shows, read from its HTML.

The dashboard and the page of an execution list what was found. Each entry carries three attributes,
which say the same whatever its sentences are: ``data-code`` (``FindingCode``), ``data-subject``
(kind and id, as in ``agent data-agent-maria-1``) and ``data-remedy`` (``Remedy``).
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

import requests

from tests.stack import Stack
from tests.waiting import PATIENCE


class ShownFinding(NamedTuple):
    """What the attributes of an entry say."""

    code: str
    subject: str
    """Its kind and its id, with a space between them."""
    remedy: str


def findings_on(page: str) -> list[ShownFinding]:
    """Return the findings that a page lists, in its order, from the page's HTML."""
    parser = _Entries()
    parser.feed(page)
    return parser.found


def findings_shown(stack: Stack, path: str = "/") -> list[ShownFinding]:
    """Return the findings on a page of a stack's monitor, in a browser session of its own.

    ``path``: "/" is the dashboard, "/executions/ID/" the page of an execution.
    """
    client = stack.client()
    link = client.post("login-links/")["url"]
    client.session.close()
    with requests.Session() as browser:
        browser.get(link, timeout=PATIENCE).raise_for_status()
        page = browser.get(stack.settings.swf_monitor_url + path, timeout=PATIENCE)
        page.raise_for_status()
    return findings_on(page.text)


class _Entries(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[ShownFinding] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if "data-code" in told:
            self.found.append(
                ShownFinding(told["data-code"], told["data-subject"], told["data-remedy"])
            )
