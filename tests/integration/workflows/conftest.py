"""A broker for all tests of a module, a scripted monitor and a bus for each."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.messaging import BROADCAST, MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings, load_settings
from tests.broker_process import BrokerProcess
from tests.integration.workflows.installation import Installation
from tests.integration.workflows.scripted_monitor import ScriptedMonitor, scripted_monitor
from tests.waiting import PATIENCE
from workflows.runner.execution import Execution, Services
from workflows.runner.lease_guard import LeaseGuard
from workflows.runner.record import ExecutionRecord
from workflows.runner.source import WorkflowSource

WORKFLOWS = Path(__file__).parents[3] / "workflows"
QUICK = {
    "no_beam_not_ready_delay": 1,
    "beam_not_ready_delay": 1,
    "beam_ready_delay": 1,
    "beam_not_ready_end_delay": 1,
    "physics_period_count": 1,
    "stf_count": 5,
}


class Listener:
    """Keeps every broadcast."""

    def __init__(self, settings: Settings) -> None:
        self.bus = MessageBus(settings)
        self.bus.start(PATIENCE)
        self.bus.subscribe(BROADCAST, ack="auto", prefetch=10_000)
        self.messages: list[dict[str, Any]] = []

    def take(self) -> list[dict[str, Any]]:
        """Return all broadcasts received so far."""
        while (delivery := self.bus.receive(0.02)) is not None:
            self.messages.append(json.loads(delivery.body))
        return self.messages

    def wait_for(self, msg_type: str, execution_id: str = "", count: int = 1) -> dict[str, Any]:
        """Wait until a type was heard ``count`` times and return the last of them."""
        found: list[dict[str, Any]] = []
        seen = 0

        def heard() -> bool:
            nonlocal seen
            if seen == len(self.messages):
                delivery = self.bus.receive(0.05)
                if delivery is None:
                    return False
                self.messages.append(json.loads(delivery.body))
            message = self.messages[seen]
            seen += 1
            if message["msg_type"] == msg_type and execution_id in ("", message["execution_id"]):
                found.append(message)
            return len(found) >= count

        deadline = time.monotonic() + PATIENCE
        while not heard():
            assert time.monotonic() < deadline, f"no {msg_type} of {execution_id or 'any'}"
        return found[-1]


@pytest.fixture
def monitor() -> Iterator[ScriptedMonitor]:
    with scripted_monitor() as it:
        yield it


@pytest.fixture
def settings(broker: BrokerProcess, monitor: ScriptedMonitor, tmp_path: Path) -> Settings:
    environ = {**broker.environ, "SWF_MONITOR_URL": monitor.url, "SWF_API_TOKEN": "token"}
    return load_settings(tmp_path, environ)


@pytest.fixture
def bus(settings: Settings) -> Iterator[MessageBus]:
    it = MessageBus(settings)
    it.start(PATIENCE)
    yield it
    it.close()


@pytest.fixture
def listener(settings: Settings) -> Iterator[Listener]:
    it = Listener(settings)
    yield it
    it.bus.close()


class Launcher:
    """Launches executions of shipped or own code, and ends what a test leaves behind."""

    def __init__(self, settings: Settings, bus: MessageBus) -> None:
        self.give_up = threading.Event()
        self.services = Services(settings, bus, "runner-under-test", self.give_up, LeaseGuard())
        self.launched: list[Execution] = []
        self.ended: list[Execution] = []

    def __call__(
        self,
        text: str | None = None,
        *,
        speed: float = 0.0,
        duration: float = 0.0,
        **parameters: Any,
    ) -> Execution:
        number = len(self.launched) + 1
        source = WorkflowSource(
            "stf_datataking", text or (WORKFLOWS / "stf_datataking.py").read_text()
        )
        config = {"daq_state_machine": {**QUICK, **parameters}, "testbed": {"namespace": "trial"}}
        record = ExecutionRecord(
            f"stf_datataking-me-{number:04d}", "trial", source, config, speed, duration
        )
        client = MonitorClient.from_settings(self.services.settings)
        execution = Execution(record, self.services, client, self.ended.append)
        self.launched.append(execution)
        execution.start()
        return execution


@pytest.fixture
def launch(settings: Settings, bus: MessageBus) -> Iterator[Callable[..., Execution]]:
    it = Launcher(settings, bus)
    yield it
    for execution in it.launched:
        execution.stop("the test is over")
        if not execution.join(3):
            it.give_up.set()
            execution.join(PATIENCE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    it = Installation(tmp_path_factory.mktemp("installation"))
    yield it
    it.stop()


@pytest.fixture
def installation(shared: Installation, request: pytest.FixtureRequest) -> Installation:
    """The module's installation, complete again, without runners that another test left."""
    shared.mend()
    if "runner" not in request.fixturenames:
        shared.stop_runners()
    return shared


@pytest.fixture
def runner(installation: Installation) -> Installation:
    """The installation with one persistent runner, which may have served others."""
    if [process.poll() for process in installation.runners] != [None]:
        installation.stop_runners()
        installation.start_runner()
    return installation


@pytest.fixture
def heard(installation: Installation) -> Iterator[Listener]:
    """All broadcasts in the installation."""
    it = Listener(installation.settings)
    yield it
    it.bus.close()
