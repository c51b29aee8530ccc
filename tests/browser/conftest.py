"""A browser with a session on the monitor, as a shifter has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from monitor.records.tokens import create_login_link
from tests.browser.chromium import PROGRAM, Chromium
from tests.integration.web.rows import installation_in, no_broker


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs chromium")


@pytest.fixture(scope="module", autouse=True)
def _no_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with no_broker(tmp_path_factory.mktemp("elsewhere")):
        yield


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chromium]:
    """A browser; without one the test is skipped here, and fails in CI."""
    if PROGRAM is None:
        assert os.environ.get("CI") != "true", "chromium is not installed"
        pytest.skip("chromium is not installed")
    browser = Chromium(tmp_path / "profile")
    yield browser
    browser.close()


@pytest.fixture
def monitor(live_server: Any, settings: Any, tmp_path: Path) -> Iterator[str]:
    """Address of a monitor with an installation of its own."""
    settings.TESTBED = installation_in(tmp_path / "installation")
    yield str(live_server.url)
    cache.clear()


@pytest.fixture
def shifter(chromium: Chromium, monitor: str) -> Chromium:
    """The browser after it followed a login link."""
    chromium.look(zone="America/New_York")
    chromium.open(f"{monitor}/login/{create_login_link('shifter')}/")
    return chromium
