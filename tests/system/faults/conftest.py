"""Two installations for the faults, one after the other, and the table of what came of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestrator.ports import LOOPBACK
from tests.activemq_process import skip_without_activemq
from tests.ports import free_port
from tests.postgres_process import require_postgres
from tests.system.conftest import ended
from tests.system.faults.disk import on_a_disk_of_its_own
from tests.system.faults.faulty import add_faulty_agent
from tests.system.faults.table import ROW
from tests.system.faults.watched import (
    BOTH_PROCESSINGS,
    CONFIG,
    EMBEDDED,
    SERVICES,
    WatchedStack,
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_on(kind): a fault that one of the two stacks can have")
    config.addinivalue_line(
        "markers", "enough_on(kind): the other stack has this fault with --all-faults alone"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    markers = ["only_on"] if config.getoption("--all-faults") else ["only_on", "enough_on"]
    left_out = [item for item in items if not all(_applies(item, name) for name in markers)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _applies(item: pytest.Item, marker: str) -> bool:
    chosen = item.get_closest_marker(marker)
    return chosen is None or item.callspec.params["faulted"] in chosen.args  # type: ignore[attr-defined]


@pytest.fixture
def watched(faulted: WatchedStack, request: pytest.FixtureRequest) -> WatchedStack:
    """An installation that runs, agents and all, with a ledger; each fault leaves it healed."""
    properties = request.node.user_properties
    faulted.report = lambda outcome: properties.append((ROW, outcome.values()))
    faulted.mend()
    return faulted


@pytest.fixture(scope="session", params=[EMBEDDED, SERVICES])
def faulted(request: pytest.FixtureRequest) -> Iterator[WatchedStack]:
    """The installation of all tests of one stack."""
    if request.param == SERVICES:
        skip_without_activemq()
        require_postgres()
    # Not below pytest's folders, which are shut to the user as whom root's PostgreSQL runs.
    with TemporaryDirectory(prefix="f-") as folder:
        Path(folder).chmod(0o711)
        # A server that is killed leaves its port free for a moment: it has to be one of ours.
        stack = WatchedStack.create(
            Path(folder) / "f", settings=_own_postgres() if request.param == SERVICES else {}
        )
        (stack.own_workflows() / f"{CONFIG}.toml").write_text(BOTH_PROCESSINGS)
        add_faulty_agent(stack)
        if request.param == SERVICES:
            stack.run(["init", "--services"])
            yield from _watched(stack, request.param)
        else:
            with on_a_disk_of_its_own(stack) as stack.disk_can_be_filled:
                yield from _watched(stack, request.param)


def _own_postgres() -> dict[str, str]:
    address = f"{LOOPBACK}:{free_port()}"
    url = f"postgresql://testbed:{secrets.token_urlsafe(24)}@{address}/testbed"
    return {"SWF_DATABASE_SERVER": "local", "SWF_DATABASE_URL": url}


def _watched(stack: WatchedStack, kind: str) -> Iterator[WatchedStack]:
    try:
        stack.start(agents=True)
        stack.watch(kind)
        yield stack
        stack.close()
    finally:
        ended(stack)
