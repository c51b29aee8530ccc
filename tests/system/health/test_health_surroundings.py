"""Trouble around the testbed, made for real: queues, disk, agents elsewhere, broken files."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded_broker.destinations import DEAD_LETTERS
from swf_common_lib.findings import FindingCode, Remedy, Severity
from swf_common_lib.messaging import BROADCAST, MessageBus, Queue
from tests.stack import Stack
from tests.system.conftest import ended
from tests.system.faults.disk import on_a_disk_of_its_own
from tests.system.faults.faulty import add_faulty_agent
from tests.system.health.surfaces import gone_from_every_surface, on_every_surface
from tests.system.health.troubles import begin, namespace_of, wait_mended
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

FOREIGN = "daq-agent-far-1"
FAR = "far-host"
ROOMY, SCARCE, NONE_LEFT = "3g", "1g", "150m"
"""Sizes of a disk: with room for all, and below each of the two limits."""


class StackOnDisk(Stack):
    """An installation that may have a disk of its own."""

    disk_can_be_resized = False


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackOnDisk]:
    """An installation, its runtime folder on a disk of its own where one can be mounted."""
    stack = StackOnDisk(Stack.create(tmp_path_factory.mktemp("s")).home)
    stack.own_workflows()
    add_faulty_agent(stack)
    with on_a_disk_of_its_own(stack, ROOMY) as stack.disk_can_be_resized:
        try:
            stack.start(agents=True)
            yield stack
        finally:
            ended(stack)


@pytest.fixture(autouse=True)
def mended(stack: Stack) -> None:
    """Nothing needs a hand when a test begins."""
    wait_mended(stack)


@contextmanager
def connected(stack: Stack) -> Iterator[MessageBus]:
    bus = MessageBus(stack.settings)
    bus.start(PATIENCE)
    try:
        yield bus
    finally:
        bus.close()


def taken_from(bus: MessageBus, queue: str) -> int:
    """Take what lies in a queue, and return how many there were."""
    subscription = bus.subscribe(Queue(queue.removeprefix("/queue/")), prefetch=100)
    count = 0
    while (delivery := bus.receive(PATIENCE if not count else 1)) is not None:
        bus.ack(delivery)
        count += 1
    bus.unsubscribe(subscription)
    return count


def beat(stack: Stack, metadata: Mapping[str, Any], **fields: Any) -> None:
    """Send a heartbeat as an agent of somebody else does."""
    body = {
        "instance_name": FOREIGN,
        "agent_type": "daq",
        "status": "OK",
        "description": "somebody else's",
        "mq_connected": True,
        "pid": 7,
        "hostname": FAR,
        "operational_state": "READY",
        "namespace": namespace_of(stack),
        "metadata": dict(metadata),
    }
    stack.client().post("systemagents/heartbeat/", {**body, **fields})


def test_a_queue_that_nobody_consumes(stack: Stack) -> None:
    queue = "/queue/panda.transformer.slcies"
    with connected(stack) as bus:
        bus.publish(queue, {"msg_type": "slice", "run_id": "1"})
        bus.flush(PATIENCE)
        finding = on_every_surface(
            stack,
            FindingCode.QUEUE_UNCONSUMED,
            Remedy.CORRECT_SENDER,
            subject=f"queue {queue}",
        )
        assert finding.fact("waiting") == 1
        assert taken_from(bus, queue) == 1
    gone_from_every_surface(stack, FindingCode.QUEUE_UNCONSUMED, notes=True)


def test_an_ingest_that_is_behind(stack: Stack) -> None:
    """Each message that it gets was sent a minute ago, as those of a backlog were."""
    over = threading.Event()

    def send() -> None:
        with connected(stack) as bus:
            while not over.wait(0.1):
                sent = datetime.now(timezone.utc) - timedelta(minutes=1)
                body = {"msg_type": "late", "namespace": "far", "timestamp": sent.isoformat()}
                bus.publish(BROADCAST, body)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        finding = on_every_surface(
            stack, FindingCode.INGEST_BEHIND, Remedy.READ_LOG, subject="service ingest"
        )
    finally:
        over.set()
        sender.join()
    assert float(finding.fact("lag")) >= 60
    gone_from_every_surface(stack, FindingCode.INGEST_BEHIND, notes=True)


def test_a_message_over_which_a_handler_fails_each_time(stack: Stack) -> None:
    stack.run("start-agents faulty")
    execution_id = begin(stack, parameters={"stf_count": 2}, speed=0)
    wait_until(lambda: stack.execution(execution_id)["status"] == "completed")

    finding = on_every_surface(
        stack,
        FindingCode.DEAD_LETTERS,
        Remedy.TAKE_DEAD_LETTERS,
        subject=f"queue {DEAD_LETTERS}",
    )
    assert finding.fact("waiting") == 1
    stack.run("stop-agents faulty")
    with connected(stack) as bus:
        assert taken_from(bus, DEAD_LETTERS) == 1
    gone_from_every_surface(stack, FindingCode.DEAD_LETTERS, notes=True)


@pytest.mark.parametrize(
    ("trouble", "fields", "code", "remedy", "subject"),
    [
        (
            {"clock_ahead": 3600},
            {},
            FindingCode.CLOCKS_APART,
            Remedy.SET_CLOCK,
            f"host {FAR}",
        ),
        (
            {"version": "0.0.1"},
            {},
            FindingCode.VERSIONS_APART,
            Remedy.SAME_VERSION,
            f"agent {FOREIGN}",
        ),
        (
            {},
            {"status": "ERROR", "description": "the buffer is full"},
            FindingCode.AGENT_TROUBLED,
            Remedy.READ_LOG,
            f"agent {FOREIGN}",
        ),
    ],
    ids=["clocks apart", "versions apart", "troubled"],
)
def test_an_agent_elsewhere(
    stack: Stack,
    trouble: dict[str, Any],
    fields: dict[str, Any],
    code: FindingCode,
    remedy: Remedy,
    subject: str,
) -> None:
    ahead = trouble.pop("clock_ahead", None)
    metadata = {**trouble, **({"clock": time.time() + ahead} if ahead else {})}
    beat(stack, metadata, **fields)

    finding = on_every_surface(stack, code, remedy, subject=subject)
    assert finding.severity is Severity.WARNING

    beat(stack, {"clock": time.time()})  # put right
    gone_from_every_surface(stack, code, notes=True)
    beat(stack, {}, operational_state="EXITED")


def test_files_of_configuration_that_are_broken(stack: Stack) -> None:
    workflow = stack.home / "workflows" / "broken.toml"
    workflow.write_text("[workflow]\nname = \n")
    testbed = stack.home / "testbed.toml"
    good = testbed.read_text()
    testbed.write_text("[testbed]\nnamespace = 7\n")

    for file, severity in ((workflow, Severity.WARNING), (testbed, Severity.ERROR)):
        finding = on_every_surface(
            stack,
            FindingCode.CONFIGURATION_BROKEN,
            Remedy.MEND_FILE,
            subject=f"file {file.name}",
        )
        assert finding.severity is severity

    workflow.unlink()
    testbed.write_text(good)
    gone_from_every_surface(stack, FindingCode.CONFIGURATION_BROKEN, notes=True)


def resize(folder: Path, size: str) -> None:
    """Resize the disk that is mounted at ``folder``."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def test_a_disk_that_is_nearly_full(stack: StackOnDisk) -> None:
    if not stack.disk_can_be_resized:
        pytest.skip("this machine does not permit to mount a disk that can be resized")
    folder = stack.settings.swf_runtime_dir
    for size, severity in ((SCARCE, Severity.WARNING), (NONE_LEFT, Severity.ERROR)):
        resize(folder, size)
        finding = on_every_surface(
            stack,
            FindingCode.DISK_NEAR_FULL,
            Remedy.FREE_DISK,
            subject=f"host {os.uname().nodename}",
        )
        assert finding.severity is severity
        assert finding.fact("folder") == str(folder)
    resize(folder, ROOMY)
    gone_from_every_surface(stack, FindingCode.DISK_NEAR_FULL, notes=True)
