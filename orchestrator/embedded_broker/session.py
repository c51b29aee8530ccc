"""A client's session: its login, subscriptions, temporary queues and transactions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.embedded_broker.connection import Connection, ConnectionServer
from orchestrator.embedded_broker.consumer import Consumer
from orchestrator.embedded_broker.destinations import (
    TEMPORARY,
    BrokerTopic,
    Destinations,
    NamedQueue,
    TemporaryQueue,
)
from orchestrator.embedded_broker.errors import CommandRejected, FrameError
from orchestrator.embedded_broker.frames import Frame
from orchestrator.embedded_broker.message_queue import MessageQueue

logger = logging.getLogger(__name__)

OWN = "/temp-queue/"
"""What the client's own temporary queues start with."""


@dataclass(frozen=True)
class Login:
    """The user name and password that clients have to send."""

    user: str
    password: str


class Broker(ConnectionServer, Protocol):
    """What a session needs of the broker that it belongs to."""

    login: Login
    identity: str
    destinations: Destinations
    sessions: set[Session]
    clients: dict[str, Session]

    def ended(self, session: Session) -> None:
        """Forget a session."""


class Session(Connection):
    """A client's session: its connection, subscriptions, transactions and temporary queues.

    ``commands``: what each frame does.
    """

    server: Broker

    def __init__(self, server: Broker, number: int, commands: Mapping[str, FrameHandler]) -> None:
        super().__init__(server, number)
        self.commands = commands
        self.version = ""
        self.client_id = ""
        self.consumers: dict[str, Consumer[MessageQueue]] = {}
        """By the subscription's id."""
        self.numbered: dict[int, Consumer[MessageQueue]] = {}
        """The same by their number on this connection."""
        self.transactions: dict[str, list[Frame]] = {}
        self.dirty = 0
        """Serial of the store's batch that its last change is in."""
        self._last_consumer = 0
        self._temporaries: dict[str, TemporaryQueue] = {}

    def handle(self, frame: Frame) -> None:
        """Carry out the command of a frame and confirm it; raises FrameError."""
        command = self.commands.get(frame.command)
        if command is None:
            raise FrameError(f"not a STOMP command: {frame.command[:60]!r}")
        if not self.logged_in and frame.command not in ("CONNECT", "STOMP"):
            raise FrameError(f"{frame.command} before CONNECT: log in first")
        receipt = frame.headers.get("receipt")
        store = self.server.store
        before = store.change_count
        try:
            command(self, frame)
        except CommandRejected as rejection:
            logger.warning("%s: %s refused: %s", self, frame.command, rejection)
            self.error(str(rejection), receipt)
            return
        except FrameError as error:
            self.fail(str(error), receipt)
            return
        finally:
            if store.change_count != before:
                self.dirty = store.serial
        last = frame.command == "DISCONNECT"
        if receipt is not None:
            self._confirm(receipt, last)
        elif last:
            self.close()

    def _confirm(self, receipt: str, last: bool) -> None:
        def on_committed(failure: str) -> None:
            if failure:
                self.fail(failure, receipt)
            elif not self.closing:
                self.write_frame("RECEIPT", {"receipt-id": receipt})
                if last:
                    self.close()

        self.server.store.when_committed(self.dirty, on_committed)

    def resume(self) -> None:
        """Deliver what waits for its subscriptions."""
        for consumer in list(self.consumers.values()):
            consumer.queue.feed(consumer)

    # Subscriptions

    def add_consumer(self, consumer: Consumer[MessageQueue]) -> None:
        """Add a subscription."""
        self.consumers[consumer.identity] = consumer
        self.numbered[consumer.number] = consumer

    def next_consumer(self) -> int:
        """Return the next subscription's number."""
        self._last_consumer += 1
        return self._last_consumer

    def drop_consumer(self, consumer: Consumer[MessageQueue], *, failed: bool) -> None:
        """End a subscription; its queue too, unless that outlives it.

        ``failed``: its connection ended with it, perhaps over the message that it worked on.
        """
        del self.consumers[consumer.identity], self.numbered[consumer.number]
        queue = consumer.queue
        if not queue.id and not isinstance(queue, NamedQueue | TemporaryQueue):
            self.server.destinations.close_queue(queue)
        queue.detach(consumer, failed=failed)

    # Destinations as this client names them

    def target(self, destination: str) -> NamedQueue | BrokerTopic | TemporaryQueue:
        """Return the queue or topic that ``destination`` names; raises CommandRejected."""
        if destination.startswith(OWN):
            return self.temporary(destination)
        return self.server.destinations.target(destination)

    def temporary(self, name: str) -> TemporaryQueue:
        """Return one of its temporary queues; make it if there is none of that name."""
        queue = self._temporaries.get(name)
        if queue is None:
            public = f"{TEMPORARY}{self.server.identity}-{self.number}-{name[len(OWN) :]}"
            queue = self._temporaries[name] = self.server.destinations.temporary(public, name)
        return queue

    def public_name(self, destination: str) -> str:
        """Return the name by which other connections reach a destination."""
        return (
            self.temporary(destination).destination if destination.startswith(OWN) else destination
        )

    def ended(self) -> None:
        """Requeue what it had not acknowledged, and delete what ends with the session."""
        for consumer in list(self.consumers.values()):
            self.drop_consumer(consumer, failed=True)
        for queue in self._temporaries.values():
            self.server.destinations.close_queue(queue)
        self.transactions.clear()
        self.server.ended(self)

    def __str__(self) -> str:
        return f"connection {self.number} ({self.client_id or 'no client-id'})"


FrameHandler = Callable[[Session, Frame], None]
"""What a frame of a kind does; raises CommandRejected or FrameError."""
