"""Broker, monitor and ingest as processes of their own, and what a test does with them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.messages import utc_now
from swf_common_lib.messaging import (
    BROADCAST,
    SLICE_RESULTS,
    SLICES,
    WORKERS,
    Destination,
    MessageBus,
)
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import Settings, load_settings
from tests.broker_process import ROOT, BrokerProcess, start_broker
from tests.ports import free_port
from tests.processes import end
from tests.waiting import PATIENCE, wait_until

_COUNTER = itertools.count(1)


@dataclass
class AgentProcess:
    """An agent under test."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """Kill it without a warning."""
        self.process.kill()
        self.process.wait()


@dataclass
class Services:
    """The services, and the agents that tests start beside them."""

    folder: Path
    broker: BrokerProcess
    environ: dict[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def start(cls, folder: Path) -> Services:
        """Start broker, monitor and ingest in a folder of their own."""
        broker = start_broker(folder)
        environ = {
            **os.environ,
            **broker.environ,
            "SWF_RUNTIME_DIR": str(folder),
            "SWF_WEB_PORT": str(free_port()),
        }
        services = cls(folder, broker, environ)
        setup = [sys.executable, "-m", "monitor", "initialise"]
        subprocess.run(setup, cwd=ROOT, env=environ, check=True, capture_output=True)
        for name in ("serve", "ingest"):
            services._launch([sys.executable, "-m", "monitor", name], folder / f"{name}.log")
        wait_until(services._answers, message="the monitor does not answer")
        return services

    def stop(self) -> None:
        """End everything."""
        for process in reversed(self.processes):
            end(process)
        self.broker.stop()

    @property
    def settings(self) -> Settings:
        """Return the settings with which a client reaches the services."""
        return load_settings(ROOT, self.environ)

    def client(self) -> MonitorClient:
        """Return a client with the operator's token."""
        return MonitorClient.from_settings(self.settings, patience=PATIENCE)

    def agent(self, script: str, namespace: str, *arguments: str, **environ: str) -> AgentProcess:
        """Start an agent; ``wait_ready`` waits until it listens."""
        log = self.folder / f"{script}-{next(_COUNTER)}.log"
        command = [sys.executable, str(ROOT / "agents" / f"{script}.py"), "--namespace", namespace]
        return AgentProcess(self._launch([*command, *arguments], log, environ), log)

    def wait_ready(self, *agents: AgentProcess) -> None:
        """Wait until each of the agents listens."""
        client = self.client()

        def ready() -> bool:
            for agent in agents:
                assert agent.process.poll() is None, agent.log.read_text()
            states = ("READY", "PROCESSING")
            listening = {
                row["pid"]
                for row in client.get("systemagents/")
                if row["operational_state"] in states
            }
            return listening >= {agent.process.pid for agent in agents}

        wait_until(ready, message="an agent does not get ready")
        client.session.close()

    def execution(
        self, namespace: str, sections: dict[str, dict[str, Any]], speed: float = 0.0
    ) -> str:
        """Record a running execution with a configuration; return its id."""
        client = self.client()
        name = f"made_up_{next(_COUNTER)}"
        definition = client.post(
            "workflow-definitions/",
            {
                "workflow_name": name,
                "version": "1",
                "workflow_type": "daq",
                "definition": "",
                "parameter_values": {},
                "created_by": "tests",
            },
        )
        execution_id = f"{name}-tests-0001"
        client.post(
            "workflow-executions/",
            {
                "execution_id": execution_id,
                "workflow_definition": definition["id"],
                "namespace": namespace,
                "parameter_values": sections,
                "options": {"speed": speed},
                "status": "running",
                "start_time": utc_now(),
                "executed_by": "tests",
            },
        )
        client.session.close()
        return execution_id

    def _launch(
        self, command: list[str], log: Path, environ: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        self.processes.append(process)
        return process

    def _answers(self) -> bool:
        try:
            MonitorClient.from_settings(self.settings).get("systemagents/")
        except MonitorUnavailable:
            return False
        return True


class Observer:
    """Receives all messages of a namespace on the topics."""

    def __init__(self, services: Services, namespace: str) -> None:
        self.namespace = namespace
        self.heard: list[dict[str, Any]] = []
        self.bus = MessageBus(services.settings, f"observer-{next(_COUNTER)}")
        self.bus.start(PATIENCE)
        for destination in (BROADCAST, WORKERS):
            self.bus.subscribe(destination, ack="auto", prefetch=5000)

    def all(self, msg_type: str) -> list[dict[str, Any]]:
        """Return the messages of a type that were received, each id once."""
        unique = {m["message_id"]: m for m in self.heard if m["msg_type"] == msg_type}
        return list(unique.values())

    def wait(self, msg_type: str, count: int = 1) -> list[dict[str, Any]]:
        """Listen until so many messages of a type were received; return them."""
        self.listen(lambda: len(self.all(msg_type)) >= count, f"{count} x {msg_type}")
        return self.all(msg_type)

    def listen(self, until: Callable[[], bool], what: str) -> None:
        """Listen until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not until():
            delivery = self.bus.receive(0.1)
            if delivery is not None:
                message = json.loads(delivery.body)
                if message["namespace"] == self.namespace:
                    self.heard.append(message)
            assert time.monotonic() < deadline, f"not heard: {what}; but {self.summary()}"

    def slices(self) -> dict[tuple[str, str, int], dict[str, Any]]:
        """Return the latest state of each slice, by run, sample and slice id."""
        told = {}
        for message in self.all("slice_status"):
            for state in message["slices"]:
                if state["status"] in ("completed", "failed"):
                    key = (message["run_id"], state["tf_filename"], state["slice_id"])
                    told[key] = state
        return told

    def summary(self) -> dict[str, int]:
        """Return the number of received messages by type."""
        counts: dict[str, int] = {}
        for message in self.heard:
            counts[message["msg_type"]] = counts.get(message["msg_type"], 0) + 1
        return counts


class Daq:
    """Publishes the messages of a workflow in a run."""

    def __init__(
        self, services: Services, namespace: str, execution_id: str, speed: float = 0.0
    ) -> None:
        client = services.client()
        self.run_id = str(client.post("state/next-run-number/")["run_number"])
        client.session.close()
        self.tick = 10.0
        self.written = 0
        self._envelope = {
            "namespace": namespace,
            "sender": "tests",
            "execution_id": execution_id,
            "run_id": self.run_id,
            "time_scale": speed,
            "state": "run",
            "substate": "physics",
        }
        self.bus = MessageBus(services.settings, f"daq-{next(_COUNTER)}")
        self.bus.start(PATIENCE)

    def say(self, msg_type: str, to: Destination = BROADCAST, **fields: Any) -> None:
        """Publish a message."""
        envelope = {**self._envelope, "simulation_tick": self.tick}
        self.bus.publish(to, {"msg_type": msg_type, **envelope, **fields})

    def begin(self) -> None:
        """Announce and start the run."""
        self.say("run_imminent")
        self.say("start_run")

    def write(self, count: int) -> None:
        """Write super time frames."""
        for _ in range(count):
            self.written += 1
            filename = f"swf.{self.run_id}.{self.written:06d}.stf"
            self.say("stf_gen", filename=filename, sequence=self.written)
            self.tick += 2.1
        self.bus.flush(PATIENCE)

    def end(self) -> None:
        """End the run."""
        self.say("end_run", total_stf_files=self.written)
        self.bus.flush(PATIENCE)

    def run(self, count: int) -> None:
        """Publish the messages of a whole run."""
        self.begin()
        self.write(count)
        self.end()


StartAgents = Callable[..., list[AgentProcess]]
Observe = Callable[[str], Observer]
MakeDaq = Callable[..., Daq]

__all__ = [
    "SLICES",
    "SLICE_RESULTS",
    "AgentProcess",
    "Daq",
    "MakeDaq",
    "Observe",
    "Observer",
    "Services",
    "StartAgents",
]
