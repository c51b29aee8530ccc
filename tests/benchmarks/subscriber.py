"""A durable subscriber to the broadcasts, as ingest is one: a process that takes and acknowledges.

``python -m tests.benchmarks.subscriber`` says "ready", and each time that nothing more comes how
many messages it has taken so far.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from swf_common_lib.messaging import BROADCAST, Delivery, MessageBus
from swf_common_lib.settings import load_settings
from tests.broker_process import ROOT, BrokerProcess

PREFETCH = 5_000
ACK_EVERY = 500
PAUSE = 0.2
"""Seconds without a message after which it counts as having all there are."""


class Subscriber:
    """The process, seen from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_for(self, messages: int) -> None:
        """Wait until it has received so many messages since its start."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip().isdigit() and int(line) >= messages:
                return
        raise RuntimeError("the subscriber has ended")


@contextmanager
def running_subscriber(broker: BrokerProcess) -> Iterator[Subscriber]:
    """Run a subscriber; it is subscribed when the block begins."""
    command = [sys.executable, "-m", "tests.benchmarks.subscriber"]
    environ = {**os.environ, **broker.environ}
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Subscriber(process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Receive and acknowledge the broadcasts until killed."""
    bus = MessageBus(load_settings(), "bench")
    bus.start(10)
    bus.subscribe(BROADCAST, ack="client", prefetch=PREFETCH, durable="bench")
    print("ready", flush=True)
    taken, last = 0, None
    while True:
        delivery: Delivery | None = bus.receive(PAUSE)
        if delivery is not None:
            taken, last = taken + 1, delivery
            if taken % ACK_EVERY:
                continue
        if last is not None:
            bus.ack(last)
            last = None
        if delivery is None:
            print(taken, flush=True)


if __name__ == "__main__":
    main()
