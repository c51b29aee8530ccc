"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from itertools import count
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, settings

from monitor.database import databases
from swf_common_lib.settings import Settings, load_settings
from tests.postgres_process import PostgresProcess, running_postgres
from tests.system.faults.table import lines, reported

# How slow or how large drawn examples are says nothing about the code. CI draws the same ones each
# time, so that it refuses what changed; wherever a developer runs the tests, new ones are tried.
settings.register_profile(
    "testbed",
    deadline=None,
    derandomize="CI" in os.environ,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
        HealthCheck.large_base_example,
        HealthCheck.too_slow,
    ],
)
settings.load_profile("testbed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "sentences: of a surface's words, which `make other-words` changes"
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what the monitor's tests use (PostgreSQL: a server of their own)",
    )
    parser.addoption(
        "--all-faults",
        action="store_true",
        help="put both stacks through every fault (else the second through those that differ)",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Whole installations go first: they wait more than they compute, and others overlap them."""
    result = yield
    items.sort(key=lambda item: "tests/system/" not in item.path.as_posix())
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Return a scheduler that runs tests which share servers on one worker."""
    from tests.sharing import Sharing  # imports xdist, which tests without workers do not need

    return Sharing(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of tests/system/faults: each fault and its effects."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    if outcomes := reported(reports):
        terminalreporter.section("faults")
        for line in lines(outcomes):
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    """A PostgreSQL server that lives through the session: use databases of your own on it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    """Return the settings of a new, empty database of the kind that is tested."""
    if request.config.getoption("--database") == "sqlite":
        return dict
    server: PostgresProcess = request.getfixturevalue("postgres")
    numbers = count(1)

    def make() -> dict[str, str]:
        name = f"test_{next(numbers)}"
        server.create_database(name)
        return {"SWF_DATABASE_URL": server.url(name)}

    return make


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Test on a file, as the monitor works on one (Django would take memory), or on a server."""
    if request.config.getoption("--database") == "postgresql":
        server: PostgresProcess = request.getfixturevalue("postgres")
        use_for_tests(load_settings(tmp_path_factory.mktemp("unused"), server.environ))
    else:
        file = tmp_path_factory.mktemp("database") / "monitor.sqlite3"
        connections["default"].settings_dict["TEST"]["NAME"] = str(file)


def use_for_tests(settings: Settings) -> None:
    """Make this process's monitor use the database of other settings than it started with."""
    connections.settings["default"].clear()
    connections.settings["default"].update(databases(settings)["default"])
    connections.configure_settings(connections.settings)
    del connections["default"]
