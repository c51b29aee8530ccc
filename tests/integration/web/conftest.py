"""What the tests of the pages share: a session, and rows to show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from monitor.records.models import WorkflowExecution
from tests.integration.web.rows import installation_in, no_broker, whole_run


@pytest.fixture(scope="module", autouse=True)
def _no_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with no_broker(tmp_path_factory.mktemp("elsewhere")):
        yield


@pytest.fixture(autouse=True)
def _no_counts_kept() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def operator(db: None) -> User:
    """The user of the session."""
    user: User = User.objects.create_user("shifter")
    return user


@pytest.fixture
def browser(operator: User) -> Client:
    """A client with a session."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def done(db: None) -> WorkflowExecution:
    """A finished execution with its run, files, slices, agents, messages and logs."""
    return whole_run()


@pytest.fixture
def installation(tmp_path: Path, settings: Any) -> Path:
    """An installation of its own."""
    settings.TESTBED = installation_in(tmp_path)
    return tmp_path
