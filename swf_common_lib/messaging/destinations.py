"""Typed STOMP destinations, and the ones that the testbed uses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from swf_common_lib.errors import InvalidRequest
from swf_common_lib.settings import Settings

_SENDABLE = re.compile(r"/(topic|queue|temp-queue|remote-temp-queue)/[^\s\x00-\x1f]+")


@dataclass(frozen=True)
class Destination:
    """A destination on the broker; ``str()`` returns STOMP's form of it."""

    name: str

    kind = ""

    def __str__(self) -> str:
        return f"/{self.kind}/{self.name}"


class Topic(Destination):
    """A topic: every subscriber gets every message."""

    kind = "topic"


class Queue(Destination):
    """A queue: one consumer gets each message, which waits until there is one."""

    kind = "queue"


BROADCAST = Topic("epictopic")
"""What happens in a run: broadcasts of workflows and agents."""
WORKFLOW_CONTROL = Queue("workflow_control")
"""Commands to whichever runner is free."""
RUNNER_CONTROL = Topic("workflow_control")
"""Commands that a runner passes on to the one that owns the execution."""
SLICES = Queue("panda.transformer.slices")
"""TF slices to be processed, one a message."""
SLICE_RESULTS = Queue("panda.results.fastprocessing")
"""What became of each slice."""
WORKERS = Topic("panda.slices")
"""Announcements to the workers: a run is coming, a run has ended."""


def slice_queue(stream: int) -> Queue:
    """Return the slice queue of a stream of the run, counted from 0; the first has no suffix."""
    return SLICES if stream == 0 else Queue(f"{SLICES.name}.{stream}")


def check_destination(destination: Destination | str) -> None:
    """Raise InvalidRequest unless it is a destination to which messages can be sent."""
    if not _SENDABLE.fullmatch(str(destination)):
        raise InvalidRequest(
            f"{str(destination)[:200]!r} is no destination",
            f"Name a topic or a queue: {BROADCAST}, {WORKFLOW_CONTROL}.",
        )


def for_broker(destination: Destination | str, settings: Settings) -> str:
    """Return the broker's name of a destination: its prefixes may differ from ours."""
    name = str(destination)
    for ours, theirs in (
        ("/queue/", settings.activemq_queue_prefix),
        ("/topic/", settings.activemq_topic_prefix),
    ):
        if name.startswith(ours):
            return theirs + name[len(ours) :]
    return name
