"""Whole installations: every process real, each installation in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestrator.supervisord.orphans import end_programs_of, programs_of
from tests.activemq_process import skip_without_activemq
from tests.ports import choosing
from tests.postgres_process import require_postgres
from tests.stack import Stack


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "system: runs a whole installation")


@pytest.fixture
def choosing_ports() -> Iterator[None]:
    """Keep other tests from letting ``testbed init`` choose ports at the same time."""
    with choosing():
        yield


@pytest.fixture
def home(tmp_path_factory):
    """A folder for an installation whose path leaves room for a socket's name."""
    return tmp_path_factory.mktemp("s")


def ended(stack: Stack) -> None:
    """Stop an installation; what even that leaves is killed, and fails the test."""
    stack.run(["stop-local"], check=False)
    left = [pid for s in (stack.agents, stack.services) for pid in end_programs_of(s.socket, 0)]
    assert not left, f"stop-local left processes: {left}"


@pytest.fixture
def installation(home) -> Iterator[Stack]:
    """An installation that is laid out, not yet initialised."""
    stack = Stack.create(home)
    yield stack
    ended(stack)


@pytest.fixture(scope="session")
def running(tmp_path_factory) -> Iterator[Stack]:
    """An installation that runs, agents and all; tests leave it running."""
    stack = Stack.create(tmp_path_factory.mktemp("r"))
    try:
        stack.start(agents=True)
        yield stack
    finally:
        ended(stack)


@pytest.fixture
def facility(choosing_ports: None) -> Iterator[Stack]:
    """An installation on services of its own, prepared."""
    skip_without_activemq()
    require_postgres()
    # Not below pytest's folders, which are shut to the user as whom root's PostgreSQL runs.
    with TemporaryDirectory(prefix="s-") as folder:
        Path(folder).chmod(0o711)
        stack = Stack.create(Path(folder) / "s")
        try:
            stack.run(["init", "--services"])
            yield stack
        finally:
            stack.run(["stop-local"], check=False)
            assert programs_of(stack.services.socket) == []
