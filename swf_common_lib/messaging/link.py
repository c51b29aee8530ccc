"""One STOMP connection, from its login to its loss. ``MessageBus`` makes a new one each time."""

from __future__ import annotations

import logging
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any

import stomp
from stomp.exception import StompException

from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messaging.delivery import Subscription
from swf_common_lib.settings import Settings

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for the TCP connection and for the broker's CONNECTED frame, each."""
RECEIPT_TIMEOUT = 10.0
HEART_BEAT_MS = 30_000
HEART_BEAT_TOLERANCE = 3.0
"""Beats may be late by this factor: ActiveMQ Classic's come late by stomp.py's default of 1.5."""

logger = logging.getLogger(__name__)


class _Receipt:
    """Somebody's wait for the broker's answer to one frame."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.error = ""

    def refuse(self, error: str) -> None:
        self.error = self.error or error
        self.answered.set()


class Link(stomp.ConnectionListener):  # type: ignore[misc]
    """A live connection. Its receiver thread only hands frames over, it never works or waits."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        on_message: Callable[[str, bytes, dict[str, str]], None],
        on_receipt: Callable[[int], None],
        on_lost: Callable[[Link], None],
    ) -> None:
        self.lost = False
        self.error = ""
        self.greeting: dict[str, str] = {}
        """Headers of the broker's CONNECTED frame: its version, its heart-beats."""
        self._settings = settings
        self._client_id = client_id
        self._on_message = on_message
        self._on_receipt = on_receipt
        self._on_lost = on_lost
        self._decided = threading.Event()
        self._logged_in = False
        self._receipts: dict[str, _Receipt] = {}
        address = (settings.activemq_host, settings.activemq_port)
        self._connection = stomp.Connection12(
            [address],
            reconnect_attempts_max=1,
            timeout=CONNECT_TIMEOUT,
            heartbeats=(HEART_BEAT_MS, HEART_BEAT_MS),
            heart_beat_receive_scale=HEART_BEAT_TOLERANCE,
            vhost=settings.activemq_host,
            auto_decode=False,
            # ActiveMQ takes a body without content-length as text, which older agents expect.
            auto_content_length=False,
        )
        if settings.activemq_use_ssl:
            self._connection.set_ssl(
                for_hosts=[address],
                ca_certs=settings.activemq_ssl_ca_certs or None,
                cert_file=settings.activemq_ssl_cert_file or None,
                key_file=settings.activemq_ssl_key_file or None,
            )
        self._connection.set_listener("link", self)

    def open(self) -> None:
        """Connect and log in. Raises BrokerUnavailable saying why that failed."""
        settings = self._settings
        where = f"{settings.activemq_host}:{settings.activemq_port}"
        headers = {"client-id": self._client_id} if self._client_id else {}
        try:
            self._connection.connect(
                settings.activemq_user, settings.activemq_password, wait=False, headers=headers
            )
        except (StompException, OSError) as error:
            raise BrokerUnavailable(
                f"the message broker at {where} is not reachable",
                "Start it (testbed start-local), or correct ACTIVEMQ_HOST and ACTIVEMQ_PORT.",
            ) from error
        answered = self._decided.wait(CONNECT_TIMEOUT)
        if answered and self._logged_in:
            raw = self._connection.transport.socket
            if raw is not None:
                # A window waits for the receipt of the one before; it must not wait for the
                # operating system's delayed TCP acknowledgement (40 ms) as well.
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return
        self.close()
        reason = self.error or ("it closed the connection" if answered else "it does not answer")
        raise BrokerUnavailable(
            f"the message broker at {where} refuses user {settings.activemq_user!r}"
            f" as client {self._client_id or '(unnamed)'}: {reason}",
            "Check ACTIVEMQ_USER and ACTIVEMQ_PASSWORD, and that no other process uses this"
            " client id.",
        )

    def send(self, data: bytes) -> None:
        """Send encoded frames. Raises BrokerUnavailable when the connection is gone."""
        transport = self._connection.transport
        try:
            if transport.blocking:
                transport.send(data)
            else:  # TLS: stomp.py's own thread writes
                transport.send_queue.put(data)
        except (StompException, OSError, AttributeError) as error:
            raise BrokerUnavailable(f"the connection to the broker is lost: {error}") from error

    def subscribe(self, subscription: Subscription) -> None:
        """Subscribe and wait until the broker confirmed it."""
        self._confirmed(
            lambda receipt: self._connection.subscribe(
                str(subscription.destination),
                subscription.id,
                subscription.ack,
                headers=subscription.headers(),
                receipt=receipt,
            ),
            f"subscription to {subscription.destination}",
        )

    def unsubscribe(self, subscription: Subscription, *, forget: bool) -> None:
        """End a subscription; with ``forget`` the broker keeps nothing more for it either."""
        self._confirmed(
            lambda receipt: self._connection.unsubscribe(subscription.id, receipt=receipt),
            f"end of the subscription to {subscription.destination}",
        )
        if forget and subscription.durable:
            headers = {"activemq.subscriptionName": subscription.durable}
            self._confirmed(
                lambda receipt: self._connection.unsubscribe(
                    subscription.id, headers=headers, receipt=receipt
                ),
                f"end of the durable subscription {subscription.durable}",
            )

    def close(self) -> None:
        """Say good-bye and close the socket; a connection already gone is no error."""
        try:
            if self._logged_in and not self.lost:
                # Without waiting for the answer, unread data in our socket would make its close
                # a reset, and the broker might lose acknowledgements that are on their way.
                self._confirmed(
                    lambda receipt: self._connection.send_frame("DISCONNECT", {"receipt": receipt}),
                    "good-bye",
                    timeout=2.0,
                )
        except (BrokerUnavailable, StompException, OSError):
            logger.debug("the connection was gone before it was closed", exc_info=True)
        finally:
            self._connection.transport.disconnect_socket()

    def _confirmed(
        self, send: Callable[[str], Any], what: str, timeout: float = RECEIPT_TIMEOUT
    ) -> None:
        receipt_id = f"link-{uuid.uuid4()}"
        receipt = self._receipts[receipt_id] = _Receipt()
        try:
            send(receipt_id)
            if not receipt.answered.wait(timeout) or receipt.error:
                raise BrokerUnavailable(
                    f"the broker did not confirm the {what}: {receipt.error or 'no answer'}"
                )
        except (StompException, OSError) as error:
            raise BrokerUnavailable(f"the connection was lost before the {what}") from error
        finally:
            del self._receipts[receipt_id]

    # Called by stomp.py on its receiver thread.

    def on_connected(self, frame: Any) -> None:
        """Note the broker's acceptance."""
        self.greeting = dict(frame.headers)
        self._logged_in = True
        self._decided.set()

    def on_message(self, frame: Any) -> None:
        """Hand a message over."""
        self._on_message(frame.headers.get("subscription", ""), frame.body, frame.headers)

    def on_receipt(self, frame: Any) -> None:
        """Hand a receipt over: a number confirms messages, the rest is somebody's who waits."""
        receipt = frame.headers.get("receipt-id", "")
        if receipt.isdigit():
            self._on_receipt(int(receipt))
        elif receipt in self._receipts:
            self._receipts[receipt].answered.set()

    def on_error(self, frame: Any) -> None:
        """Tell the one whose frame was refused; refused messages need a new connection."""
        text = frame.body.decode("utf-8", "replace") if frame.body else ""
        error = frame.headers.get("message", "") or text.strip() or "unexplained error"
        receipt = frame.headers.get("receipt-id", "")
        if receipt in self._receipts:
            self._receipts[receipt].refuse(error)
            return
        self.error = error
        if self._logged_in:
            logger.error("the broker reports: %s", error)
        self._decided.set()
        if receipt.isdigit():
            self.lost = True
            self._on_lost(self)

    def on_disconnected(self) -> None:
        """Tell the bus that this connection is over."""
        self.lost = True
        self._decided.set()
        for receipt in list(self._receipts.values()):
            receipt.refuse(self.error or "the connection was lost")
        self._on_lost(self)
