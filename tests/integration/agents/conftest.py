"""Services that live through the session; agents and namespaces are each test's own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.agents.services import (
    AgentProcess,
    Daq,
    Observer,
    Services,
    StartAgents,
)
from tests.waiting import PATIENCE


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    started = Services.start(tmp_path_factory.mktemp("services"))
    yield started
    started.stop()


@pytest.fixture
def namespace() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def agents(services: Services) -> Iterator[StartAgents]:
    """Start agents; they are stopped at the end, and must end well if they live."""
    started: list[AgentProcess] = []

    def start(namespace: str, *scripts: str, **environ: str) -> list[AgentProcess]:
        new = [services.agent(script, namespace, **environ) for script in scripts]
        started.extend(new)
        services.wait_ready(*new)
        return new

    yield start
    living = [each for each in started if each.process.poll() is None]
    for each in living:
        each.process.terminate()
    statuses = {each.log.name: each.process.wait(timeout=PATIENCE) for each in living}
    assert set(statuses.values()) <= {0}, statuses
    for each in started:
        assert "Traceback" not in each.log.read_text(), each.log.read_text()


@pytest.fixture
def observe(services: Services) -> Iterator[Callable[[str], Observer]]:
    """Yield a function that listens to a namespace."""
    observers: list[Observer] = []

    def listen(to: str) -> Observer:
        observers.append(Observer(services, to))
        return observers[-1]

    yield listen
    for each in observers:
        each.bus.close()


@pytest.fixture
def daq(services: Services) -> Iterator[Callable[..., Daq]]:
    """Yield a function that makes the DAQ of a run, with an execution of a configuration."""
    made: list[Daq] = []

    def make(namespace: str, sections: dict[str, Any], speed: float = 0.0) -> Daq:
        execution_id = services.execution(namespace, sections, speed)
        made.append(Daq(services, namespace, execution_id, speed))
        return made[-1]

    yield make
    for each in made:
        each.bus.close()
