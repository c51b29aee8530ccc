"""The publishers' ledger: what was sent, kept beside the monitor, against what the monitor kept.

Two independent records make it up. A durable subscriber of our own, on stomp.py alone, hears all
that the broker took on the recorded topics; and a publisher of our own, which sends all the time
and all through each fault, knows what it was told to send.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import stomp
from stomp.exception import StompException

from swf_common_lib.messaging import BROADCAST, WORKERS, MessageBus
from swf_common_lib.settings import Settings
from tests.monitor_database import MonitorDatabase
from tests.waiting import PATIENCE, wait_until

NAMESPACE, RUN = "ledger", 777
"""Of the publisher's messages: no agent's, so that nobody reacts to them."""
PAUSE = 0.05
"""Seconds between two messages of the publisher."""
RETRY = 0.1
"""Seconds between the listener's attempts to connect."""

Body = Mapping[str, Any]
Chosen = Callable[[Body], bool]


def everything(_body: Body) -> bool:
    return True


@dataclass(frozen=True)
class Account:
    """A stretch of the ledger beside the same stretch of the database."""

    sent: int
    recorded: int
    lost: tuple[str, ...]
    """Ids of messages that were sent and are not in the database."""
    twice: tuple[Hashable, ...]
    """Facts that the database holds more than once."""


class Listener(stomp.ConnectionListener):  # type: ignore[misc]
    """Receives the recorded topics by a durable subscription."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._heard: dict[str, Body] = {}
        self._closing = threading.Event()
        self._lost = threading.Event()
        self._connection: stomp.Connection12 | None = None
        self.listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def start(self) -> None:
        """Start, and wait until the broker has confirmed the subscriptions."""
        self._thread.start()
        assert self.listening.wait(PATIENCE), "the ledger cannot subscribe"

    def close(self) -> None:
        self._closing.set()
        self._lost.set()
        self._thread.join(PATIENCE)

    def heard(self) -> dict[str, Body]:
        """Return all messages received so far, by message id."""
        return dict(self._heard)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._lost.clear()
            try:
                self._listen()
            except (StompException, OSError):
                self._closing.wait(RETRY)
            finally:
                if self._connection is not None:
                    self._connection.transport.disconnect_socket()

    def _listen(self) -> None:
        settings = self._settings
        address = (settings.activemq_host, settings.activemq_port)
        self._connection = stomp.Connection12(
            [address], auto_decode=False, heartbeats=(0, 0), reconnect_attempts_max=1
        )
        self._connection.set_listener("", self)
        login = (settings.activemq_user, settings.activemq_password)
        self._connection.connect(*login, wait=True, headers={"client-id": "faults-ledger"})
        for topic in (BROADCAST, WORKERS):
            self._connection.subscribe(
                str(topic),
                topic.name,
                "client-individual",
                headers={"activemq.subscriptionName": f"ledger-{topic.name}"},
                receipt=topic.name,
            )
        self._lost.wait()

    # Called by stomp.py on its receiver thread.

    def on_receipt(self, frame: Any) -> None:
        if frame.headers.get("receipt-id") == WORKERS.name:
            self.listening.set()

    def on_message(self, frame: Any) -> None:
        with suppress(ValueError, RecursionError):  # what is no message has no id
            body = json.loads(frame.body)
            if isinstance(body, dict) and isinstance(body.get("message_id"), str):
                self._heard.setdefault(body["message_id"], body)
        connection = self._connection
        assert connection is not None
        with suppress(StompException, OSError):  # it comes again
            connection.ack(frame.headers["ack"])

    def on_disconnected(self) -> None:
        self._lost.set()


class Publisher:
    """Sends numbered messages all the time, whatever happens, and records their ids."""

    def __init__(self, settings: Settings) -> None:
        self.sent: list[str] = []
        self._bus = MessageBus(settings)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._bus.start(PATIENCE)
        self._thread.start()

    def unconfirmed(self) -> int:
        """Return how many messages the broker has not confirmed."""
        return self._bus.status().unconfirmed

    def close(self) -> None:
        """Stop when the broker has confirmed everything."""
        self._closing.set()
        self._thread.join(PATIENCE)
        self._bus.flush(PATIENCE)
        self._bus.close()

    def _run(self) -> None:
        while not self._closing.wait(PAUSE):
            number = len(self.sent)
            identity = f"ledger-{number:06d}"
            body = {"msg_type": "stf_gen", "message_id": identity, "namespace": NAMESPACE}
            file = {"filename": f"swf.{RUN}.{number:06d}.stf", "sequence": number}
            self._bus.publish(BROADCAST, {**body, **file, "run_id": str(RUN)})
            self.sent.append(identity)


class Ledger:
    """Both records, and their comparison with the database."""

    def __init__(self, settings: Settings) -> None:
        self.listener = Listener(settings)
        self.publisher = Publisher(settings)
        self._database = MonitorDatabase(settings)
        self._rows: list[tuple[str, Body]] = []
        self._last_row = 0

    def open(self) -> None:
        self.listener.start()
        self.publisher.start()

    def close(self) -> None:
        self.publisher.close()
        self.listener.close()

    def mark(self) -> Mark:
        """Return the present position in both records."""
        return Mark(len(self.listener.heard()), len(self.publisher.sent))

    def await_heard(self, chosen: Chosen, patience: float = PATIENCE) -> None:
        """Wait until one more of the messages that are ``chosen`` is received."""
        known = len(self.listener.heard())

        def said() -> bool:
            return any(chosen(body) for body in list(self.listener.heard().values())[known:])

        wait_until(said, patience, "nothing more is heard")

    def settle(self, since: Mark, patience: float = PATIENCE) -> Stretch:
        """Wait until what was sent so far is received and recorded; return both records."""
        published = list(self.publisher.sent)
        with suppress(AssertionError):  # what is missing is told in the account
            wait_until(lambda: self.listener.heard().keys() >= set(published), patience)
        heard = list(self.listener.heard().items())
        said = dict(heard[since.heard :])

        def all_recorded() -> bool:
            return {identity for identity, _ in self._recorded()} >= said.keys()

        with suppress(AssertionError):
            wait_until(all_recorded, patience)
        before = dict(heard[: since.heard])
        recorded = self._recorded()
        rows = [row for row in recorded if row[0] not in before]
        ours = [identity for identity, body in recorded if body.get("namespace") == NAMESPACE]
        # The publisher notes an id when it has sent the message: it may have been heard before.
        new = [one for one in published[since.published :] if one not in before]
        return Stretch(said, new, rows, in_order=ours[: len(published)] == published)

    def _recorded(self) -> list[tuple[str, Body]]:
        """Return all valid messages of the database, in its order."""
        question = (
            "SELECT id, message_id, content FROM records_workflowmessage"
            f" WHERE id > {self._last_row} AND problem = '' ORDER BY id"
        )
        for row, identity, content in self._database.ask(question):
            body = content if isinstance(content, dict) else json.loads(content)
            self._rows.append((identity, body))
            self._last_row = row
        return self._rows


@dataclass(frozen=True)
class Mark:
    """A place in both records."""

    heard: int
    published: int


@dataclass(frozen=True)
class Stretch:
    """What was sent, received and recorded since some mark."""

    heard: dict[str, Body]
    published: list[str]
    rows: list[tuple[str, Body]]
    in_order: bool
    """Whether all that our publisher ever sent is recorded in the order of sending."""

    def account(self, chosen: Chosen = everything) -> Account:
        """Return the account of the messages that are ``chosen``."""
        sent = {identity for identity, body in self.heard.items() if chosen(body)}
        sent |= {identity for identity in self.published if chosen({"namespace": NAMESPACE})}
        rows = [(identity, body) for identity, body in self.rows if chosen(body)]
        recorded = Counter(identity for identity, _ in rows)
        facts = Counter(fact for _, body in rows for fact in facts_of(body))
        repeated = [one for one, times in (*recorded.items(), *facts.items()) if times > 1]
        lost = sorted(sent - recorded.keys())
        return Account(len(sent), len(sent) - len(lost), tuple(lost), tuple(repeated))


def facts_of(body: Body) -> Iterator[Hashable]:
    """Yield the facts of a message that can be true only once, however often it is sent."""
    kind, run = body.get("msg_type"), body.get("run_id")
    if kind in ("run_imminent", "start_run", "end_run", "run_imminent_worker", "end_run_worker"):
        yield kind, run
    elif kind in ("stf_gen", "stf_ready", "processing_complete"):
        yield kind, run, body.get("filename")
    elif kind in ("tf_file_registered", "tf_slices_registered"):
        yield kind, run, body.get("tf_filename")
