"""A subscriber that notes when it hears what: how the benchmarks see an installation work.

Asking the monitor again and again would take the very time that is measured.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from swf_common_lib.messaging import BROADCAST, SLICES, MessageBus
from swf_common_lib.settings import Settings
from tests.waiting import PATIENCE


@dataclass(frozen=True)
class Heard:
    """A message and the monotonic time at which it came."""

    at: float
    body: dict[str, Any]

    @property
    def what(self) -> tuple[str, str]:
        """Return its type and its execution."""
        return str(self.body.get("msg_type")), str(self.body.get("execution_id"))


class Listener:
    """Receives the broadcasts; with ``slices`` it takes the slices too, instead of the workers."""

    def __init__(self, settings: Settings, *, slices: bool = False) -> None:
        self._bus = MessageBus(settings)
        self._bus.start(PATIENCE)
        self._bus.subscribe(BROADCAST, ack="auto", prefetch=10_000)
        if slices:
            self._bus.subscribe(SLICES, ack="auto", prefetch=10_000)

    def close(self) -> None:
        """Stop listening."""
        self._bus.close()

    def next(self) -> Heard:
        """Wait for the next message."""
        delivery = self._bus.receive(PATIENCE)
        assert delivery is not None, f"nothing was heard for {PATIENCE} s"
        return Heard(time.monotonic(), json.loads(delivery.body))

    def wait_for(self, msg_type: str, execution_id: str) -> Heard:
        """Wait for a message of an execution, passing over others."""
        while True:
            heard = self.next()
            if heard.what == (msg_type, execution_id):
                return heard
