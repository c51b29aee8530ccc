"""All queues, topics, subscriptions and temporary queues of the broker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from orchestrator.embedded_broker.database import StoredQueue
from orchestrator.embedded_broker.errors import CommandRejected
from orchestrator.embedded_broker.message import QueuedMessage, new_message
from orchestrator.embedded_broker.message_queue import MessageQueue
from orchestrator.embedded_broker.selector import SelectorError, compile_selector
from orchestrator.embedded_broker.store import Store

logger = logging.getLogger(__name__)

DEAD_LETTERS = "/queue/ActiveMQ.DLQ"
"""Where messages go that were refused by a NACK, or failed too often."""
TEMPORARY = "/remote-temp-queue/"
"""How others than its owner call a temporary queue."""

_CAUSE = "dlqDeliveryFailureCause"
_PREFIXES = ("/queue/", "/topic/", TEMPORARY)


class BrokerTopic:
    """A topic: the queues of its subscriptions."""

    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self.subscriptions: list[MessageQueue] = []
        self.enqueued = 0
        self._store = store

    def accept(self, message: QueuedMessage) -> None:
        """Add a message to every subscription that it matches."""
        self.enqueued += 1
        headers: Mapping[str, str] | None = None
        matching = []
        for queue in self.subscriptions:
            if queue.matches is not None:
                headers = headers or message.headers()
                if not queue.matches(headers):
                    continue
            matching.append(queue)
        if message.persistent:
            stored = [queue.id for queue in matching if queue.id]
            if stored:
                self._store.put(message, stored)
        for queue in matching:
            if queue.full and not (message.persistent and queue.id):
                _overflow(queue)
            else:
                queue.add(message)


class NamedQueue(MessageQueue):
    """A queue of a fixed name, which stores its persistent messages on disk."""

    def accept(self, message: QueuedMessage) -> None:
        """Accept a message; raises CommandRejected if it is not persistent and no room is left."""
        if message.persistent:
            self.save(message)
        elif self.full:
            raise CommandRejected(
                f"{self.destination} is full: {self.waiting} messages wait in memory, and nobody "
                "takes them"
            )
        self.add(message)

    def save(self, message: QueuedMessage) -> None:
        """Store a message on disk."""
        if not self.id:
            self.id = self._store.create_queue(self.destination)
        self._store.put(message, [self.id])


class TemporaryQueue(MessageQueue):
    """A queue that lives in memory, as long as its owner's connection.

    ``name`` is what its owner calls it, ``destination`` what everybody else does.
    """

    name = ""

    def accept(self, message: QueuedMessage) -> None:
        """Accept a message; raises CommandRejected when it holds too many."""
        if self.full:
            raise CommandRejected(
                f"{self.destination} is full: its owner does not take its messages"
            )
        self.add(message)


def _overflow(queue: MessageQueue) -> None:
    if queue.id or not queue.consumers:
        if not queue.overflowed:
            logger.error(
                "%s: messages that are not persistent are lost: a durable subscription whose "
                "client is away has no room in memory for more",
                queue.destination,
            )
        queue.overflowed = True
        return
    queue.consumers[0].client.fail(
        f"the subscription to {queue.destination} is closed: its messages are not read fast "
        f"enough, {queue.waiting} wait"
    )


class DurableSubscription(MessageQueue):
    """The messages of a durable subscription, which wait while its client is not connected."""

    def __init__(self, stored: StoredQueue, store: Store, destinations: Destinations) -> None:
        super().__init__(stored.destination, store, destinations.dead_letter, stored.id)
        self.client_id = stored.client_id
        self.name = stored.subscription
        self.selector = stored.selector
        if stored.selector:
            self.matches = compile_selector(stored.selector)


class Destinations:
    """The queues, topics and subscriptions by name; finds or makes them."""

    def __init__(self, store: Store, last_number: int) -> None:
        self.queues: dict[str, NamedQueue] = {}
        self.topics: dict[str, BrokerTopic] = {}
        self.durables: dict[tuple[str, str], DurableSubscription] = {}
        self.temporaries: dict[str, TemporaryQueue] = {}
        self._store = store
        # By the clock, so that no number, and so no message-id, is ever used twice.
        self._number = max(last_number, time.time_ns() // 1000)
        for stored in store.queues:
            self._recover(stored, last_number)

    def _recover(self, stored: StoredQueue, last_number: int) -> None:
        queue: MessageQueue
        if stored.subscription:
            queue = self._open_durable(stored)
        else:
            queue = self.queue(stored.destination)
            queue.id = stored.id
        queue.recover(stored.depth, last_number)

    def queue(self, destination: str) -> NamedQueue:
        """Return the queue of that name; make it if there is none."""
        queue = self.queues.get(destination)
        if queue is None:
            queue = self.queues[destination] = NamedQueue(
                destination, self._store, self.dead_letter
            )
            queue.redelivers = True
        return queue

    def topic(self, destination: str) -> BrokerTopic:
        """Return the topic of that name; make it if there is none."""
        topic = self.topics.get(destination)
        if topic is None:
            topic = self.topics[destination] = BrokerTopic(destination, self._store)
        return topic

    def temporary(self, destination: str, name: str) -> TemporaryQueue:
        """Return a new temporary queue that its owner calls ``name``."""
        queue = self.temporaries[destination] = TemporaryQueue(
            destination, self._store, self.dead_letter
        )
        queue.name = name
        return queue

    def target(self, destination: str) -> NamedQueue | BrokerTopic | TemporaryQueue:
        """Return the queue or topic that ``destination`` names; raises CommandRejected."""
        found = self.queues.get(destination) or self.topics.get(destination)
        if found is not None:
            return found
        check_name(destination)
        if destination.startswith(TEMPORARY):
            if destination not in self.temporaries:
                raise CommandRejected(
                    f"{destination} does not exist: its owner's connection has ended"
                )
            return self.temporaries[destination]
        if destination.startswith("/queue/"):
            return self.queue(destination)
        return self.topic(destination)

    def new_message(
        self, destination: str, headers: Mapping[str, str], body: bytes
    ) -> QueuedMessage:
        """Return a new message with the next number; raises CommandRejected."""
        self._number += 1
        return new_message(self._number, destination, headers, body, time.time())

    def topic_subscription(self, destination: str, selector: str) -> MessageQueue:
        """Return the queue of a new subscription that is not durable; raises CommandRejected."""
        queue = MessageQueue(destination, self._store, self.dead_letter)
        if selector:
            queue.matches = _compiled(selector)
        self.topic(destination).subscriptions.append(queue)
        return queue

    def durable_subscription(
        self, client_id: str, name: str, destination: str, selector: str
    ) -> DurableSubscription:
        """Return a durable subscription, new or stored; raises CommandRejected when it is in use.

        One with another topic or selector than before starts anew, as with ActiveMQ.
        """
        subscription = self.durables.get((client_id, name))
        if subscription is not None and subscription.consumers:
            raise CommandRejected(
                f"durable subscription {name!r} of client {client_id!r} is in use"
            )
        if selector:
            _compiled(selector)
        if subscription is not None and (subscription.destination, subscription.selector) != (
            destination,
            selector,
        ):
            self.forget_durable(client_id, name)
            subscription = None
        if subscription is None:
            queue_id = self._store.create_queue(destination, client_id, name, selector)
            subscription = self._open_durable(
                StoredQueue(queue_id, destination, client_id, name, selector)
            )
        return subscription

    def _open_durable(self, stored: StoredQueue) -> DurableSubscription:
        subscription = DurableSubscription(stored, self._store, self)
        self.durables[stored.client_id, stored.subscription] = subscription
        self.topic(stored.destination).subscriptions.append(subscription)
        return subscription

    def forget_durable(self, client_id: str, name: str) -> None:
        """Delete a durable subscription with all that waits for it; raises CommandRejected."""
        subscription = self.durables.get((client_id, name))
        if subscription is None:
            raise CommandRejected(f"client {client_id!r} has no durable subscription {name!r}")
        if subscription.consumers:
            raise CommandRejected(
                f"durable subscription {name!r} of client {client_id!r} is in use"
            )
        del self.durables[client_id, name]
        self.close_queue(subscription)
        self._store.drop_queue(subscription.id)

    def close_queue(self, queue: MessageQueue) -> None:
        """Delete a temporary queue, or the queue of a subscription."""
        queue.closed = True
        self.temporaries.pop(queue.destination, None)
        topic = self.topics.get(queue.destination)
        if topic is not None and queue in topic.subscriptions:
            topic.subscriptions.remove(queue)

    def dead_letter(self, message: QueuedMessage, cause: str) -> None:
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
        for lifetime in ("ttl", "expires"):  # a dead letter does not expire
            headers.pop(lifetime, None)
        dead = self.new_message(DEAD_LETTERS, headers, message.body)
        queue = self.queue(DEAD_LETTERS)
        if dead.persistent:
            queue.save(dead)
        queue.add(dead)

    def drop_expired(self) -> None:
        """Drop the expired messages in memory, wherever they wait."""
        for queue in [*self.queues.values(), *self.durables.values(), *self.temporaries.values()]:
            queue.drop_expired()


def check_name(destination: str) -> None:
    """Raise CommandRejected for what is not the name of one queue or topic."""
    prefix = next((p for p in _PREFIXES if destination.startswith(p)), None)
    if prefix is None or destination == prefix:
        raise CommandRejected(
            f"illegal destination {destination[:200]!r}: it has to begin with /queue/, /topic/ or "
            "/temp-queue/ and a name"
        )
    if any(sign in destination for sign in ",*>?"):
        raise CommandRejected(
            f"illegal destination {destination[:200]!r}: this broker knows neither wildcards, "
            "several destinations in one, nor options"
        )


def _compiled(selector: str) -> Callable[[Mapping[str, str]], bool]:
    try:
        return compile_selector(selector)
    except SelectorError as error:
        raise CommandRejected(str(error)) from error
