"""A bare stomp.py client that keeps what it hears."""

from __future__ import annotations

import re
import socket
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import stomp
from stomp.utils import Frame

from tests.waiting import PATIENCE, wait_until

OPEN: list[Client | Wire] = []
"""Everything that is to be closed at the end of a test."""
VERSIONS = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}


class Client(stomp.ConnectionListener):
    """One connection; messages and errors are kept in the order they come."""

    def __init__(
        self,
        broker: Any,
        *,
        version: str = "1.2",
        client_id: str = "",
        password: str = "",
        heartbeats: tuple[int, int] = (0, 0),
        raw: bool = False,
        **options: Any,
    ) -> None:
        self.version = version
        self.messages: list[Frame] = []
        self.errors: list[Frame] = []
        self.receipts: set[str] = set()
        self.taken = 0
        self.lost = False
        self.beats: dict[str, int] = defaultdict(int)
        if version != "1.0":
            options["heartbeats"] = heartbeats
        if raw:
            options["auto_decode"] = False
        self.connection = VERSIONS[version](
            [(broker.host, broker.port)], reconnect_attempts_max=1, **options
        )
        self.connection.set_listener("", self)
        OPEN.append(self)
        headers = {"client-id": client_id} if client_id else {}
        self.connection.connect(
            broker.user, password or broker.password, wait=True, headers=headers
        )

    def on_message(self, frame: Frame) -> None:
        self.messages.append(frame)

    def on_error(self, frame: Frame) -> None:
        self.errors.append(frame)

    def on_receipt(self, frame: Frame) -> None:
        self.receipts.add(frame.headers["receipt-id"])

    def on_disconnected(self) -> None:
        self.lost = True

    def on_heartbeat(self) -> None:
        self.beats["received"] += 1

    def confirmed(self, receipt: str, timeout: float = PATIENCE) -> None:
        """Wait for a receipt."""
        wait_until(
            lambda: receipt in self.receipts or self.errors,
            timeout,
            f"no receipt {receipt}: {self.errors}",
        )
        assert receipt in self.receipts, self.errors

    def send(self, destination: str, body: str | bytes = "body", **headers: Any) -> None:
        """Send and wait for the receipt."""
        receipt = uuid.uuid4().hex
        self.post(destination, body, receipt=receipt, **headers)
        self.confirmed(receipt)

    def post(self, destination: str, body: str | bytes = "body", **headers: Any) -> None:
        """Send and wait for nothing."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.connection.send(destination, body, headers={"persistent": "true", **named})

    def subscribe(
        self, destination: str, identity: str = "1", ack: str = "client-individual", **more: Any
    ) -> None:
        """Subscribe and wait for the receipt; prefetch, selector, durable as keywords."""
        names = {
            "prefetch": "activemq.prefetchSize",
            "durable": "activemq.subscriptionName",
        }
        headers = {names.get(key, key): str(value) for key, value in more.items()}
        receipt = uuid.uuid4().hex
        self.connection.subscribe(
            destination, identity, ack=ack, headers={**headers, "receipt": receipt}
        )
        self.confirmed(receipt)

    def unsubscribe(self, identity: str = "1", durable: str = "") -> None:
        receipt = uuid.uuid4().hex
        headers = {"receipt": receipt}
        if durable:
            headers["activemq.subscriptionName"] = durable
        self.connection.unsubscribe(identity, headers=headers)
        self.confirmed(receipt)

    def next(self, timeout: float = PATIENCE) -> Frame:
        """Return the next message."""
        wait_until(lambda: len(self.messages) > self.taken, timeout, f"no message {self.errors}")
        self.taken += 1
        return self.messages[self.taken - 1]

    def next_bodies(self, count: int, timeout: float = PATIENCE) -> list[str]:
        """Return the bodies of the next messages."""
        return [self.next(timeout).body for _ in range(count)]

    def nothing_comes(self) -> bool:
        """Return whether no message is on its way, which the receipt of a later frame proves."""
        self.subscribe(f"/queue/{uuid.uuid4().hex}", uuid.uuid4().hex)
        return len(self.messages) == self.taken

    def ack(self, frame: Frame, identity: str = "1", transaction: str | None = None) -> None:
        """Acknowledge and wait for the receipt."""
        self._answer(self.connection.ack, frame, identity, transaction)

    def nack(self, frame: Frame, identity: str = "1") -> None:
        """Refuse and wait for the receipt."""
        self._answer(self.connection.nack, frame, identity, None)

    def _answer(self, method: Any, frame: Frame, identity: str, transaction: str | None) -> None:
        receipt = uuid.uuid4().hex
        if self.version == "1.2":
            method(frame.headers["ack"], transaction=transaction, receipt=receipt)
        else:
            method(frame.headers["message-id"], identity, transaction=transaction, receipt=receipt)
        self.confirmed(receipt)

    def error(self, timeout: float = PATIENCE) -> str:
        """Wait for an ERROR and return its text."""
        wait_until(lambda: self.errors, timeout, "no ERROR came")
        frame = self.errors[0]
        return f"{frame.headers.get('message')} {frame.body}"

    def leave(self) -> None:
        """Disconnect in order, and wait until the broker has closed its end."""
        if self.connection.is_connected():
            self.connection.disconnect()
        wait_until(lambda: self.lost, message="the connection was not closed")

    def vanish(self) -> None:
        """Close the socket without DISCONNECT."""
        self.connection.transport.disconnect_socket()

    def close(self) -> None:
        self.connection.transport.disconnect_socket()
        self.connection.transport.stop()


def accepted(client: Callable[..., Client], **options: Any) -> Client:
    """Connect as soon as the broker lets a client in whose last connection was lost.

    A broker closes the socket of a client before it is done with the client's name.
    """

    def connected() -> Client | None:
        try:
            return client(**options)
        except stomp.exception.ConnectFailedException:
            return None

    return wait_until(connected, message=f"not let in again: {options}")


class Wire:
    """A socket to the broker for what stomp.py would not send."""

    def __init__(self, broker: Any, *, login: bool = True, client_id: str = "") -> None:
        self.socket = socket.create_connection((broker.host, broker.port), timeout=PATIENCE)
        self.received = b""
        OPEN.append(self)
        if login:
            name = f"client-id:{client_id}\n" if client_id else ""
            self.send(
                f"CONNECT\naccept-version:1.2\nhost:x\nlogin:{broker.user}\n"
                f"passcode:{broker.password}\n{name}\n\0"
            )
            self.until(b"CONNECTED")

    def send(self, data: str | bytes) -> None:
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def until(self, text: bytes, *, keep: bool = False) -> bytes:
        """Read until ``text`` and the end of its frame came; return all that was received since.

        ``keep``: what came besides that frame is still there to be taken.
        """
        while text not in self.received or b"\0" not in self.received.split(text, 1)[1]:
            self._read()
        data, self.received = self.received, b""
        if keep:
            self.received = data.replace(b"RECEIPT\n" + text + b"\n\n\0", b"")
        return data

    def take(self, pattern: re.Pattern[bytes]) -> list[tuple[bytes, ...]]:
        """Read until ``pattern`` matches; return its groups, and keep what follows."""
        while not (matches := list(pattern.finditer(self.received))):
            self._read()
        self.received = self.received[matches[-1].end() :]
        return [match.groups() for match in matches]

    def _read(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise AssertionError(f"closed by the broker after {self.received!r}")
        self.received += data

    def until_closed(self) -> bytes:
        """Read until the broker closes."""
        while data := self.socket.recv(65536):
            self.received += data
        return self.received

    def close(self) -> None:
        self.socket.close()
