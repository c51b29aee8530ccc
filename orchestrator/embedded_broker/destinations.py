"""All queues, topics, subscriptions and temporary queues of the broker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from orchestrator.embedded_broker.box import Box
from orchestrator.embedded_broker.database import StoredBox
from orchestrator.embedded_broker.errors import Refusal
from orchestrator.embedded_broker.message import Message, new_message
from orchestrator.embedded_broker.selector import SelectorError, compile_selector
from orchestrator.embedded_broker.store import Store

logger = logging.getLogger(__name__)

DEAD_LETTERS = "/queue/ActiveMQ.DLQ"
"""Where messages go that were refused by a NACK, or failed too often."""
TEMPORARY = "/remote-temp-queue/"
"""How others than its owner call a temporary queue."""

_CAUSE = "dlqDeliveryFailureCause"
_PREFIXES = ("/queue/", "/topic/", TEMPORARY)


class Topic:
    """A topic: the boxes of those who subscribed to it."""

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.boxes: list[Box] = []
        self.enqueued = 0
        self._store = store

    def accept(self, message: Message) -> None:
        """Add a message to every subscription that it matches."""
        self.enqueued += 1
        headers: Mapping[str, str] | None = None
        boxes = []
        for box in self.boxes:
            if box.matches is not None:
                headers = headers or message.headers()
                if not box.matches(headers):
                    continue
            boxes.append(box)
        if message.persistent:
            stored = [box.id for box in boxes if box.id]
            if stored:
                self._store.put(message, stored)
        for box in boxes:
            if box.full and not (message.persistent and box.id):
                _overflow(box)
            else:
                box.add(message)


class Queue(Box):
    """A queue: a box that persistent messages are kept in."""

    def accept(self, message: Message) -> None:
        """Accept a message; raises Refusal when it holds too many that are not persistent."""
        if message.persistent:
            self.save(message)
        elif self.full:
            raise Refusal(
                f"{self.destination} is full: {self.waiting} messages wait in memory, and nobody "
                "takes them"
            )
        self.add(message)

    def save(self, message: Message) -> None:
        """Store a message on disk."""
        if not self.id:
            self.id = self._store.create_box(self.destination)
        self._store.put(message, [self.id])


class TemporaryQueue(Box):
    """A queue that lives in memory, as long as its owner's connection.

    ``name`` is what its owner calls it, ``destination`` what everybody else does.
    """

    name = ""

    def accept(self, message: Message) -> None:
        """Accept a message; raises Refusal when it holds too many."""
        if self.full:
            raise Refusal(f"{self.destination} is full: its owner does not take its messages")
        self.add(message)


def _overflow(box: Box) -> None:
    if box.id or not box.consumers:
        if not box.overflowed:
            logger.error(
                "%s: messages that are not persistent are lost: a durable subscription whose "
                "client is away has no room in memory for more",
                box.destination,
            )
        box.overflowed = True
        return
    box.consumers[0].client.fail(
        f"the subscription to {box.destination} is closed: its messages are not read fast enough, "
        f"{box.waiting} wait"
    )


class DurableBox(Box):
    """What waits for a durable subscription, whether its client is connected or not."""

    def __init__(self, stored: StoredBox, store: Store, destinations: Destinations) -> None:
        super().__init__(stored.destination, store, destinations.bury, stored.id)
        self.client_id = stored.client_id
        self.name = stored.subscription
        self.selector = stored.selector
        if stored.selector:
            self.matches = compile_selector(stored.selector)


class Destinations:
    """The queues, topics and subscriptions by name; finds or makes them."""

    def __init__(self, store: Store, last_number: int) -> None:
        self.queues: dict[str, Queue] = {}
        self.topics: dict[str, Topic] = {}
        self.durables: dict[tuple[str, str], DurableBox] = {}
        self.temporaries: dict[str, TemporaryQueue] = {}
        self._store = store
        # By the clock, so that no number, and so no message-id, is ever used twice.
        self._number = max(last_number, time.time_ns() // 1000)
        for stored in store.boxes:
            self._recover(stored, last_number)

    def _recover(self, stored: StoredBox, last_number: int) -> None:
        box: Box
        if stored.subscription:
            box = self._open_durable(stored)
        else:
            box = self.queue(stored.destination)
            box.id = stored.id
        box.recover(stored.depth, last_number)

    def queue(self, destination: str) -> Queue:
        """Return the queue of that name; make it if there is none."""
        queue = self.queues.get(destination)
        if queue is None:
            queue = self.queues[destination] = Queue(destination, self._store, self.bury)
            queue.redelivers = True
        return queue

    def topic(self, destination: str) -> Topic:
        """Return the topic of that name; make it if there is none."""
        topic = self.topics.get(destination)
        if topic is None:
            topic = self.topics[destination] = Topic(destination, self._store)
        return topic

    def temporary(self, destination: str, name: str) -> TemporaryQueue:
        """Return a new temporary queue that its owner calls ``name``."""
        queue = self.temporaries[destination] = TemporaryQueue(destination, self._store, self.bury)
        queue.name = name
        return queue

    def target(self, destination: str) -> Queue | Topic | TemporaryQueue:
        """Return the queue or topic that ``destination`` names; raises Refusal."""
        found = self.queues.get(destination) or self.topics.get(destination)
        if found is not None:
            return found
        check_name(destination)
        if destination.startswith(TEMPORARY):
            if destination not in self.temporaries:
                raise Refusal(f"{destination} does not exist: its owner's connection has ended")
            return self.temporaries[destination]
        if destination.startswith("/queue/"):
            return self.queue(destination)
        return self.topic(destination)

    def new_message(self, destination: str, headers: Mapping[str, str], body: bytes) -> Message:
        """Return a new message with the next number; raises Refusal."""
        self._number += 1
        return new_message(self._number, destination, headers, body, time.time())

    def topic_box(self, destination: str, selector: str) -> Box:
        """Return the queue of a new subscription that is not durable; raises Refusal."""
        box = Box(destination, self._store, self.bury)
        if selector:
            box.matches = _compiled(selector)
        self.topic(destination).boxes.append(box)
        return box

    def durable_box(self, client_id: str, name: str, destination: str, selector: str) -> DurableBox:
        """Return a durable subscription, new or stored; raises Refusal when another uses it.

        One with another topic or selector than before starts anew, as with ActiveMQ.
        """
        box = self.durables.get((client_id, name))
        if box is not None and box.consumers:
            raise Refusal(f"durable subscription {name!r} of client {client_id!r} is in use")
        if selector:
            _compiled(selector)
        if box is not None and (box.destination, box.selector) != (destination, selector):
            self.forget_durable(client_id, name)
            box = None
        if box is None:
            box_id = self._store.create_box(destination, client_id, name, selector)
            box = self._open_durable(StoredBox(box_id, destination, client_id, name, selector))
        return box

    def _open_durable(self, stored: StoredBox) -> DurableBox:
        box = DurableBox(stored, self._store, self)
        self.durables[stored.client_id, stored.subscription] = box
        self.topic(stored.destination).boxes.append(box)
        return box

    def forget_durable(self, client_id: str, name: str) -> None:
        """Delete a durable subscription with all that waits for it; raises Refusal."""
        box = self.durables.get((client_id, name))
        if box is None:
            raise Refusal(f"client {client_id!r} has no durable subscription {name!r}")
        if box.consumers:
            raise Refusal(f"durable subscription {name!r} of client {client_id!r} is in use")
        del self.durables[client_id, name]
        self.close_box(box)
        self._store.drop_box(box.id)

    def close_box(self, box: Box) -> None:
        """Delete a temporary queue, or the queue of a subscription."""
        box.closed = True
        self.temporaries.pop(box.destination, None)
        topic = self.topics.get(box.destination)
        if topic is not None and box in topic.boxes:
            topic.boxes.remove(box)

    def bury(self, message: Message, cause: str) -> None:
        """Send a copy of a failed message to the dead letter queue."""
        headers = message.headers()
        origin = headers.get("destination", "")
        logger.warning("dead letter from %s: %s: %s", origin, headers["message-id"], cause)
        if origin == DEAD_LETTERS:
            return  # refused there too: it has been seen
        headers.update(
            {"original-destination": origin, "original-message-id": headers["message-id"]}
        )
        headers[_CAUSE] = cause
        for lifetime in ("ttl", "expires"):  # a dead letter waits until somebody looks at it
            headers.pop(lifetime, None)
        dead = self.new_message(DEAD_LETTERS, headers, message.body)
        queue = self.queue(DEAD_LETTERS)
        if dead.persistent:
            queue.save(dead)
        queue.add(dead)

    def drop_expired(self) -> None:
        """Drop the expired messages in memory, wherever they wait."""
        for box in [*self.queues.values(), *self.durables.values(), *self.temporaries.values()]:
            box.drop_expired()


def check_name(destination: str) -> None:
    """Raise Refusal for what is not the name of one queue or topic."""
    prefix = next((p for p in _PREFIXES if destination.startswith(p)), None)
    if prefix is None or destination == prefix:
        raise Refusal(
            f"illegal destination {destination[:200]!r}: it has to begin with /queue/, /topic/ or "
            "/temp-queue/ and a name"
        )
    if any(sign in destination for sign in ",*>?"):
        raise Refusal(
            f"illegal destination {destination[:200]!r}: this broker knows neither wildcards, "
            "several destinations in one, nor options"
        )


def _compiled(selector: str) -> Callable[[Mapping[str, str]], bool]:
    try:
        return compile_selector(selector)
    except SelectorError as error:
        raise Refusal(str(error)) from error
