"""How many messages wait in the broker's queues, and whether anybody consumes them.

ActiveMQ Classic tells it where its configuration has the statistics plugin, as our own has. It is
asked over a connection of its own: a broker that cannot write the answer closes it.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
import xml.etree.ElementTree as ElementTree
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.embedded_broker.destinations import DEAD_LETTERS
from orchestrator.embedded_broker.statistics import STATISTICS
from swf_common_lib.errors import BrokerUnavailable, Unavailable
from swf_common_lib.messaging import WORKFLOW_CONTROL, Queue, frames
from swf_common_lib.messaging.destinations import for_broker
from swf_common_lib.messaging.link import Link
from swf_common_lib.settings import Settings

PATIENCE = 2.0
"""Seconds that the broker has for its answer."""
FRESH = 0.2
"""Seconds for which one reading is reused."""
REST, REST_OF_OURS = 60.0, 5.0
"""Seconds for which a broker that did not answer, and one started here, is not asked again."""
APART, TOO_FAR = 5.0, 600.0
"""Least and greatest seconds between two readings from which the growth of a queue is computed."""

_EVERY = (">",)
_OURS = (WORKFLOW_CONTROL.name, "panda.>", DEAD_LETTERS.removeprefix("/queue/"))
"""Asked of a broker that others may use as well."""
_QUESTION = "ActiveMQ.Statistics.Destination."
_WITH_END = "ActiveMQ.Statistics.Destination.List.End.With.Null"
_XML = "jms-map-xml"
"""ActiveMQ's name for a map written as XML; for JSON it needs one more library."""
_HINT = (
    "ActiveMQ tells how much waits in its queues if <statisticsBrokerPlugin/> is among the plugins "
    "in its activemq.xml, and XStream among its jars (Debian: libxstream-java): docs/production.md."
)


@dataclass(frozen=True)
class QueueDepth:
    """The depth of one queue."""

    waiting: int
    """Messages that no consumer has been given."""
    in_hand: int
    """Messages given to a consumer that has not acknowledged them."""
    consumers: int
    dequeued: int
    """Messages acknowledged since the broker started."""


@dataclass(frozen=True)
class Reading:
    """The queue depths at one time, by destination (``/queue/...``)."""

    queues: Mapping[str, QueueDepth] = field(default_factory=dict)
    growth: Mapping[str, float] = field(default_factory=dict)
    """Messages/s by which the waiting ones have become more (or less) since an earlier reading, of
    queues in which messages waited both times; empty before there is one to compare with."""
    unknown: str = ""
    """Why nothing is known, and what to do about it; empty when it is."""
    unreachable: str = ""
    """Why the broker took no connection for the question, or did not greet; empty when it did."""


class DepthsUnknown(Unavailable):
    """The broker does not report the depths of its queues."""

    code = "depths-unknown"


def read_depths(settings: Settings, patience: float = PATIENCE) -> dict[str, QueueDepth]:
    """Ask the broker once, and return its queues by destination.

    Raises DepthsUnknown when it does not tell within ``patience`` seconds, BrokerUnavailable when
    it cannot be reached.
    """
    if settings.swf_broker == "embedded":
        (answer,) = _answers(settings, (STATISTICS,), patience, ends=bool)
        return dict(_from_embedded(answer))
    asked = _EVERY if settings.swf_broker == "activemq" else _OURS
    questions = [str(Queue(_QUESTION + name)) for name in asked]
    answers = _answers(settings, questions, patience, ends=lambda answer: not _entries(answer))
    return dict(_from_activemq(entries) for answer in answers if (entries := _entries(answer)))


class QueueReader:
    """Reads depths for many who ask, each reading serving all for a moment. For any thread."""

    def __init__(
        self, settings: Settings, patience: float = PATIENCE, apart: float = APART
    ) -> None:
        self._settings = settings
        self._patience, self._apart = patience, apart
        self._lock = threading.Lock()
        self._last = Reading()
        self._again_at = 0.0
        self._earlier: deque[tuple[float, dict[str, QueueDepth]]] = deque()
        """Readings to compare with, and when they were; but for the first they are recent."""

    def read(self) -> Reading:
        """Return the depths of the queues; ``unknown`` when the broker does not answer."""
        with self._lock:
            if time.monotonic() >= self._again_at:
                self._last = self._reading()
                self._again_at = time.monotonic() + self._pause()
            return self._last

    def _pause(self) -> float:
        if not self._last.unknown:
            return FRESH
        return REST if self._settings.swf_broker == "external" else REST_OF_OURS

    def _reading(self) -> Reading:
        try:
            depths = read_depths(self._settings, self._patience)
        except DepthsUnknown as error:
            return Reading(unknown=f"{error.detail}. {error.hint}")
        except BrokerUnavailable as error:
            return Reading(unknown=error.detail, unreachable=error.detail)
        now = time.monotonic()
        earlier = self._earlier
        while len(earlier) > 1 and now - earlier[1][0] >= self._apart:
            earlier.popleft()
        since, then = earlier[0] if earlier else (now, {})
        earlier.append((now, depths))
        if not self._apart <= now - since < TOO_FAR:
            return Reading(depths)
        growth = {
            name: (depth.waiting - then[name].waiting) / (now - since)
            for name, depth in depths.items()
            if depth.waiting and name in then and then[name].waiting
        }
        return Reading(depths, growth)


def _answers(
    settings: Settings, questions: Sequence[str], patience: float, ends: Callable[[bytes], bool]
) -> list[bytes]:
    """Send questions and return the answers; ``ends`` returns whether one is a question's last."""
    inbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    link = Link(
        settings,
        "",
        on_message=lambda _subscription, body, _headers: inbox.put(body),
        on_receipt=lambda _receipt: None,
        on_lost=lambda _link: inbox.put(None),
    )
    deadline = time.monotonic() + patience
    link.open(patience)
    answers: list[bytes] = []
    ended = 0
    try:
        link.send(_frames(settings, questions, patience))
        while ended < len(questions):
            answers.append(_next(inbox, deadline, link))
            ended += ends(answers[-1])
    finally:
        link.close()
    return answers


def _frames(settings: Settings, questions: Sequence[str], patience: float) -> bytes:
    reply_to = f"/temp-queue/{uuid.uuid4()}"
    subscription = {"id": "0", "destination": reply_to, "ack": "auto", "transformation": _XML}
    pieces = [b"SUBSCRIBE\n" + frames.header_lines(subscription) + b"\n\0"]
    common = {
        "reply-to": reply_to,
        "persistent": "false",
        # Where nobody consumes the question, it must not stay in the queue.
        "expires": str(int((time.time() + patience) * 1000)),
        _WITH_END: "true",
    }
    for question in questions:
        head = frames.send_head({"destination": for_broker(question, settings), **common})
        pieces.append(frames.complete(head, b"{}", None))
    return b"".join(pieces)


def _next(inbox: queue.SimpleQueue[bytes | None], deadline: float, link: Link) -> bytes:
    try:
        answer = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        detail = "the broker does not say how much waits in its queues"
        raise DepthsUnknown(detail, _HINT) from None
    if answer is None:
        why = f": {link.error}" if link.error else ""
        detail = f"the broker ends the connection that asks how much waits in its queues{why}"
        raise DepthsUnknown(detail, _HINT)
    return answer


def _from_embedded(answer: bytes) -> Iterator[tuple[str, QueueDepth]]:
    for row in json.loads(answer)["destinations"]:
        if str(row["destination"]).startswith("/queue/"):
            yield (
                row["destination"],
                QueueDepth(row["depth"], row["unacknowledged"], row["consumers"], row["dequeued"]),
            )


def _from_activemq(entries: Mapping[str, str]) -> tuple[str, QueueDepth]:
    size, in_hand = int(entries["size"]), int(entries["inflightCount"])
    consumers, dequeued = int(entries["consumerCount"]), int(entries["dequeueCount"])
    name = entries["destinationName"].removeprefix("queue://")
    return f"/queue/{name}", QueueDepth(max(0, size - in_hand), in_hand, consumers, dequeued)


def _entries(answer: bytes) -> dict[str, str]:
    """Read an ActiveMQ map: each entry has a key and a value, such as ``<long>3</long>``."""
    try:
        # The broker is trusted with all that the testbed does.
        root = ElementTree.fromstring(answer)  # noqa: S314
    except ElementTree.ParseError as error:
        raise DepthsUnknown(f"the broker's answer is no XML: {error}", _HINT) from error
    return {(key.text or ""): (value.text or "") for key, value in root}
