"""The pages of one web process share a look at the testbed for about a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from django.test import RequestFactory

from monitor.asgi import MonitorHandler
from monitor.diagnosis.recent import FRESH_FOR, RecentLooks
from monitor.web.looks import SCOPE_KEY, looks_for
from tests.integration.web.rows import execution


@pytest.mark.django_db
def test_a_look_serves_all_who_ask_while_it_is_fresh(installation: Path) -> None:
    looks = RecentLooks()
    first = looks.assessment()
    assert looks.assessment() == first
    assert looks.assessment().look is first.look
    assert looks.look().findings is first.look.findings
    assert looks.look().now >= first.look.now, "what is read later is judged by its own time"
    looks._taken -= 2 * FRESH_FOR
    second = looks.assessment()
    assert second.look is not first.look
    assert second.look.now > first.look.now


@pytest.mark.django_db
def test_a_new_look_comes_with_new_findings(installation: Path) -> None:
    looks = RecentLooks()
    assert "lease_lapsed" not in {one.code.value for one in looks.assessment().findings}
    execution(1, "running", lease_expires_at=looks.look().now)
    looks._taken -= 2 * FRESH_FOR
    assert "lease_lapsed" in {one.code.value for one in looks.assessment().findings}


def test_requests_through_the_web_process_have_what_it_keeps() -> None:
    async def asked(handler: MonitorHandler) -> Any:
        scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": "/login/",
            "headers": [(b"host", b"127.0.0.1")],
            "query_string": b"",
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await handler(scope, receive, send)
        assert sent[0]["status"] == 200
        return scope[SCOPE_KEY]

    async def twice() -> tuple[Any, Any]:
        handler = MonitorHandler()
        return await asked(handler), await asked(handler)

    first, second = anyio.run(twice)
    assert isinstance(first, RecentLooks)
    assert first is second
    request: Any = RequestFactory().get("/")
    assert looks_for(request) is not first, "a request from elsewhere has its own"
    request.scope = {SCOPE_KEY: first}
    assert looks_for(request) is first
