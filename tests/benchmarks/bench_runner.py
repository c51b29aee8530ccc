"""What the runner makes of a workflow: its messages out, and its own share of the work."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from pathlib import Path

import simpy

import workflows
from swf_common_lib.messaging import MessageBus
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings, load_settings
from tests.benchmarks import bench_publish
from tests.benchmarks.figures import Figures
from tests.benchmarks.subscriber import running_subscriber
from tests.broker_process import start_broker
from tests.integration.workflows.scripted_monitor import scripted_monitor
from workflows.runner.clock import Clock
from workflows.runner.execution import Execution, Services
from workflows.runner.handle import RunnerHandle
from workflows.runner.lease_guard import LeaseGuard
from workflows.runner.record import ExecutionRecord
from workflows.runner.source import WorkflowSource, make_process
from workflows.testing import RecordingRunner

STFS = 20_000
SOURCE = WorkflowSource(
    "stf_datataking", (Path(workflows.__file__).parent / "stf_datataking.py").read_text()
)


def runner_out(folder: Path) -> Figures:
    """Execute a workflow in fast mode, from its start to its reported end.

    The broadcasts have one durable subscriber, a process as ingest is; all are confirmed.
    """
    broker = start_broker(folder)
    try:
        with scripted_monitor() as monitor, running_subscriber(broker):
            settings = load_settings(folder, {**broker.environ, "SWF_MONITOR_URL": monitor.url})
            bare = bench_publish._bare(broker)
            rate = _rate(settings)
    finally:
        broker.stop()
    return Figures(
        "runner out: a workflow in fast mode, confirmed",
        rate,
        "messages/s",
        bare,
        "bare stomp.py",
        "≥ 8,000",
    )


def _rate(settings: Settings) -> float:
    bus = MessageBus(settings)
    bus.start(10)
    config = {"daq_state_machine": {"stf_count": STFS, "physics_period_count": 1}}
    record = ExecutionRecord("stf_datataking-bench-0001", "bench", SOURCE, config, 0.0, 0.0)
    services = Services(
        settings, bus, "workflow_runner-agent-bench-1", threading.Event(), LeaseGuard()
    )
    client = MonitorClient.from_settings(settings)
    execution = Execution(record, services, client, lambda _: None)
    started = time.perf_counter()
    execution.start()
    execution.join()
    seconds = time.perf_counter() - started
    bus.close()
    assert execution.status == "completed", execution.outcome
    return execution.handle.messages_sent / seconds


def runner_share() -> Figures:
    """Execute the same workflow without a broker: what is left is the runner's own work."""
    env = simpy.Environment()
    handle = RunnerHandle(
        _Nowhere(),
        sender="workflow_runner-agent-bench-1",
        namespace="bench",
        execution_id="stf_datataking-bench-0001",
        tick=lambda: float(env.now),
        time_scale=lambda: 0.0,
        monitor_url="",
        api_session=RecordingRunner(env).api_session,
        logger=logging.getLogger("bench"),
    )
    config = {"daq_state_machine": {"stf_count": STFS, "physics_period_count": 1}}
    process = make_process(SOURCE, config, handle, "stf_datataking-bench-0001", env)
    started = time.perf_counter()
    Clock(env).run(process)
    rate = handle.messages_sent / (time.perf_counter() - started)
    return Figures(
        "runner's own work: events, envelopes", rate, "messages/s", _bare_simpy(), "bare SimPy", "-"
    )


def _bare_simpy() -> float:
    """Process the same events with nothing sent."""
    env = simpy.Environment()

    def events() -> object:
        for _ in range(STFS):
            yield env.timeout(0.1)
            yield env.timeout(0.1)
            yield env.timeout(2.0)

    started = time.perf_counter()
    env.run(env.process(events()))  # type: ignore[arg-type]
    return STFS / (time.perf_counter() - started)


class _Nowhere:
    """Accepts messages and drops them."""

    def publish(self, destination: str, body: object, /) -> int:
        """Drop a message."""
        return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for figures in (runner_share(), runner_out(Path(temporary))):
            print("  ".join(figures.row()))
