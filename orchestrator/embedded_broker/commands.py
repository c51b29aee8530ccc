"""The STOMP commands of clients, and how each is carried out."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from orchestrator.embedded_broker.consumer import (
    ACK_MODES,
    Consumer,
    delivered_number,
    named_number,
)
from orchestrator.embedded_broker.destinations import TemporaryQueue, check_name
from orchestrator.embedded_broker.errors import CommandRejected, FrameError
from orchestrator.embedded_broker.frames import Frame
from orchestrator.embedded_broker.message import QueuedMessage
from orchestrator.embedded_broker.message_queue import MessageQueue
from orchestrator.embedded_broker.selector import SelectorError
from orchestrator.embedded_broker.session import FrameHandler, Session
from orchestrator.embedded_broker.statistics import STATISTICS, statistics

SHORTEST_BEAT = 200
"""Milliseconds; a heart-beat that is asked for more often comes this often."""
PREFETCH = {"queue": 1000, "durable": 100, "topic": 32767}
"""Messages that a subscription is given before it acknowledges: ActiveMQ's defaults for STOMP."""


def connect(session: Session, frame: Frame) -> None:
    """Carry out CONNECT or STOMP: log the client in."""
    headers = frame.headers
    if session.version:
        raise FrameError(f"{frame.command} on a connection that is logged in")
    offered = headers.get("accept-version", "1.0").split(",")
    version = max({v.strip() for v in offered} & {"1.1", "1.2"}, default="")
    server = session.server
    if not version:
        raise FrameError(
            f"the client speaks STOMP {', '.join(offered)[:60]}; this broker speaks 1.1 and 1.2"
        )
    login, passcode = headers.get("login", ""), headers.get("passcode", "")
    if not _same(login, server.login.user) or not _same(passcode, server.login.password):
        raise FrameError(f"user name {login[:60]!r} or password is wrong")
    client_id = headers.get("client-id", "")
    if client_id in server.clients:
        raise FrameError(
            f"client-id {client_id[:200]!r} is already connected "
            f"(connection {server.clients[client_id].number}); one connection at a time may use it"
        )
    sends, wants = _heart_beat(headers.get("heart-beat", "0,0"))
    session.version = session.splitter.version = version
    session.logged_in = True
    session.sends_every, session.expects_every = wants / 1000, sends / 1000
    session.client_id = client_id
    if client_id:
        server.clients[client_id] = session
    session.write_frame(
        "CONNECTED",
        {
            "version": version,
            "server": "swf-testbed-broker",
            "session": str(session.number),
            "heart-beat": f"{wants},{sends}",
        },
    )


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _heart_beat(text: str) -> tuple[int, int]:
    try:
        sends, wants = (int(part) for part in text.split(","))
    except ValueError:
        raise FrameError(f"heart-beat is not two numbers of milliseconds: {text[:60]!r}") from None
    if min(sends, wants) < 0:
        raise FrameError(f"heart-beat is not two numbers of milliseconds: {text[:60]!r}")
    return (sends and max(sends, SHORTEST_BEAT)), (wants and max(wants, SHORTEST_BEAT))


def disconnect(session: Session, frame: Frame) -> None:
    """Do nothing: the session closes after the receipt."""


def send(session: Session, frame: Frame) -> None:
    """Accept a message, at once or at its transaction's COMMIT."""
    if "transaction" in frame.headers:
        session.target(_required(frame, "destination"))
        _postpone(session, frame)
        return
    headers, body, server = frame.headers, frame.body, session.server
    destination = _required(frame, "destination")
    if "reply-to" in headers:
        headers["reply-to"] = session.public_name(headers["reply-to"])
    if destination == STATISTICS:
        destination = _required(frame, "reply-to")
        body = statistics(server.destinations, len(server.sessions), server.store.failure)
    target = session.target(destination)
    if isinstance(target, TemporaryQueue):
        destination = target.name
    message = server.destinations.new_message(destination, headers, body)
    if message.persistent and server.store.failure:
        session.fail(server.store.failure, headers.get("receipt"))
        return
    target.accept(message)


def subscribe(session: Session, frame: Frame) -> None:
    """Add a subscription of the session."""
    headers = frame.headers
    identity, destination = _required(frame, "id"), _required(frame, "destination")
    if identity in session.consumers:
        raise CommandRejected(
            f"subscription id {identity[:60]!r} is already in use on this connection"
        )
    ack_mode = headers.get("ack", "auto")
    if ack_mode not in ACK_MODES:
        raise CommandRejected(f"ack is {ack_mode[:60]!r}; it may be {', '.join(ACK_MODES)}")
    prefetch = _prefetch(headers.get("activemq.prefetchSize"))
    queue, kind, selector = _queue_for(session, frame, destination)
    number = session.next_consumer()
    consumer = Consumer(session, identity, number, queue, ack_mode, prefetch or PREFETCH[kind])
    try:
        queue.attach(consumer, selector)
    except SelectorError as error:
        raise CommandRejected(str(error)) from error
    session.add_consumer(consumer)
    queue.feed(consumer)


def _queue_for(session: Session, frame: Frame, destination: str) -> tuple[MessageQueue, str, str]:
    """Return the queue to consume from, its kind, and the selector that its consumer brings."""
    destinations, selector = session.server.destinations, frame.headers.get("selector", "").strip()
    if destination.startswith("/temp-queue/"):
        return session.temporary(destination), "queue", selector
    check_name(destination)
    if destination.startswith("/queue/"):
        return destinations.queue(destination), "queue", selector
    if not destination.startswith("/topic/"):
        raise CommandRejected(
            f"{destination} belongs to another connection: only its owner may subscribe"
        )
    name = frame.headers.get("activemq.subscriptionName", "")
    if not name:
        return destinations.topic_subscription(destination, selector), "topic", ""
    if not session.client_id:
        raise CommandRejected("a durable subscription needs a client-id header on CONNECT")
    return (
        destinations.durable_subscription(session.client_id, name, destination, selector),
        "durable",
        "",
    )


def _prefetch(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise CommandRejected(f"activemq.prefetchSize is not a number from 1 on: {text[:60]!r}")
    return int(text)


def unsubscribe(session: Session, frame: Frame) -> None:
    """End a subscription; with activemq.subscriptionName, a durable one for good."""
    identity = frame.headers.get("id", "")
    name = frame.headers.get("activemq.subscriptionName", "")
    consumer = session.consumers.get(identity)
    if consumer is None and not name:
        raise CommandRejected(f"no subscription {identity[:60]!r} on this connection")
    if consumer is not None:
        session.drop_consumer(consumer, failed=False)
    if name:
        session.server.destinations.forget_durable(session.client_id, name)


def ack(session: Session, frame: Frame) -> None:
    """Remove the messages that an ACK covers."""
    _end_deliveries(session, frame, lambda queue, message: queue.settle(message))


def nack(session: Session, frame: Frame) -> None:
    """Move the messages that a NACK covers to the dead letters."""
    reason = f"NACK by {session.client_id or session}"
    _end_deliveries(session, frame, lambda queue, message: queue.dead_letter(message, reason))


def _end_deliveries(
    session: Session, frame: Frame, end: Callable[[MessageQueue, QueuedMessage], None]
) -> None:
    """Apply ``end`` to the messages that the frame covers, when its transaction is committed."""
    consumer, number = _delivered(session, frame)
    if "transaction" in frame.headers:
        _postpone(session, frame)
        return
    for message in consumer.acknowledge(number) or ():
        end(consumer.queue, message)
    consumer.queue.feed(consumer)


def _delivered(session: Session, frame: Frame) -> tuple[Consumer[MessageQueue], int]:
    """Return the consumer and the number of the message that an ACK or NACK names."""
    if session.version == "1.2":
        identity = _required(frame, "id")
        number, place = delivered_number(identity)
        consumer = session.numbered.get(place)
    else:
        identity = _required(frame, "message-id")
        number = named_number(identity)
        consumer = session.consumers.get(_required(frame, "subscription"))
    if consumer is None or number not in consumer.unacked:
        raise CommandRejected(
            f"unexpected {frame.command} for {identity[:60]!r}: no such message waits for one on "
            "this connection"
        )
    return consumer, number


def begin(session: Session, frame: Frame) -> None:
    """Start a transaction."""
    name = _required(frame, "transaction")
    if name in session.transactions:
        raise CommandRejected(f"transaction {name[:60]!r} has already begun")
    session.transactions[name] = []


def commit(session: Session, frame: Frame) -> None:
    """Carry out the commands of a transaction, in one batch of the store."""
    problems = []
    for held in _transaction(session, frame):
        del held.headers["transaction"]
        try:
            COMMANDS[held.command](session, held)
        except CommandRejected as rejection:
            problems.append(str(rejection))
    if problems:
        raise CommandRejected("; ".join(problems))


def abort(session: Session, frame: Frame) -> None:
    """Forget a transaction."""
    _transaction(session, frame)


def _postpone(session: Session, frame: Frame) -> None:
    name = frame.headers["transaction"]
    if name not in session.transactions:
        raise CommandRejected(f"no transaction {name[:60]!r} has begun")
    session.transactions[name].append(frame)


def _transaction(session: Session, frame: Frame) -> list[Frame]:
    name = _required(frame, "transaction")
    if name not in session.transactions:
        raise CommandRejected(f"no transaction {name[:60]!r} has begun")
    return session.transactions.pop(name)


def _required(frame: Frame, name: str) -> str:
    value = frame.headers.get(name)
    if not value:
        raise FrameError(f"{frame.command} lacks the header {name}")
    return value


COMMANDS: dict[str, FrameHandler] = {
    "CONNECT": connect,
    "STOMP": connect,
    "DISCONNECT": disconnect,
    "SEND": send,
    "SUBSCRIBE": subscribe,
    "UNSUBSCRIBE": unsubscribe,
    "ACK": ack,
    "NACK": nack,
    "BEGIN": begin,
    "COMMIT": commit,
    "ABORT": abort,
}
