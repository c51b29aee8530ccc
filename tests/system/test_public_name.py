"""Monitor and MCP server behind a reverse proxy with a name of their own."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from orchestrator.services import start_services
from tests.mcp_wire import ACCEPT, INITIALIZE
from tests.stack import Stack
from tests.waiting import PATIENCE

pytestmark = pytest.mark.system

NAME = "testbed.example.org"


@pytest.fixture
def named(installation) -> Stack:
    """An installation behind https://testbed.example.org; only what listens runs."""
    file = installation.home / ".testbed/settings.toml"
    file.write_text(file.read_text() + f'SWF_PUBLIC_URL = "https://{NAME}"\n')
    installation.run(["init"])
    start_services(installation.settings, print, only=("broker", "web", "mcp"))
    return installation


def proxied(**headers: str) -> dict[str, str]:
    return {"Host": NAME, "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", **headers}


def mcp_status(stack: Stack, **headers: str) -> int:
    sent: dict[str, Any] = {
        **proxied(**headers),
        "Authorization": f"Bearer {stack.settings.swf_api_token}",
        **ACCEPT,
    }
    with requests.post(
        stack.settings.swf_mcp_url, json=INITIALIZE, headers=sent, timeout=PATIENCE
    ) as answer:
        return answer.status_code


def test_requests_under_the_public_name(named):
    settings = named.settings
    link = named.run(["login"]).stdout.strip()
    assert link.startswith(f"https://{NAME}/login/")

    with requests.Session() as browser:
        path = link.removeprefix(f"https://{NAME}")
        here = settings.swf_monitor_url
        opened = browser.get(
            here + path, headers=proxied(), allow_redirects=False, timeout=PATIENCE
        )
        if opened.status_code == 200:  # the link's page has a button
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', opened.text)
            assert token is not None
            cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in opened.cookies)
            opened = browser.post(
                here + path,
                data={"csrfmiddlewaretoken": token.group(1)},
                headers=proxied(Origin=f"https://{NAME}", Cookie=cookies),
                allow_redirects=False,
                timeout=PATIENCE,
            )
        assert opened.status_code == 302, opened.text
        assert all(cookie.secure for cookie in opened.cookies)
        assert "swf_session" in str(opened.cookies)

        stranger = proxied(Host="evil.example.org")
        assert browser.get(f"{here}/login/", headers=stranger, timeout=PATIENCE).status_code == 400
        # Not from this host, though the proxy is: log records want a token.
        logs = browser.post(f"{here}/api/logs/", json={}, headers=proxied(), timeout=PATIENCE)
        assert logs.status_code == 401

    assert mcp_status(named) == 200
    assert mcp_status(named, Origin=f"https://{NAME}") == 200
    assert mcp_status(named, Origin="https://evil.example.org") == 403
    assert mcp_status(named, Host="evil.example.org") == 421
