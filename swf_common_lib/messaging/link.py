"""One STOMP connection, from its login to its loss. ``MessageBus`` makes a new one each time."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

import stomp
from stomp.exception import StompException

from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messaging import frames
from swf_common_lib.messaging.delivery import Subscription
from swf_common_lib.messaging.destinations import for_broker
from swf_common_lib.messaging.transport import CONNECT_TIMEOUT, StompConnection
from swf_common_lib.settings import Settings

RECEIPT_TIMEOUT = 10.0
HEART_BEAT_MS = 30_000
HEART_BEAT_TOLERANCE = 3.0
"""Beats may be late by this factor: ActiveMQ Classic's come late by stomp.py's default of 1.5."""

logger = logging.getLogger(__name__)


class _Receipt:
    """A wait for the broker's answer to one frame."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.error = ""

    def refuse(self, error: str) -> None:
        self.error = self.error or error
        self.answered.set()


class Link(stomp.ConnectionListener):  # type: ignore[misc]
    """A live connection. Its receiver thread only passes frames on; it never works or waits."""

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        on_message: Callable[[str, bytes, dict[str, str]], None],
        on_receipt: Callable[[int], None],
        on_lost: Callable[[Link], None],
        on_refused: Callable[[str], None] = lambda error: None,
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
        self._on_refused = on_refused
        self._decided = threading.Event()
        self._logged_in = False
        self._receipts: dict[str, _Receipt] = {}
        self._connection = StompConnection(settings, HEART_BEAT_MS, HEART_BEAT_TOLERANCE)
        self._connection.set_listener("link", self)

    def open(self, patience: float = CONNECT_TIMEOUT) -> None:
        """Connect and log in. Raises BrokerUnavailable saying why that failed.

        ``patience``: seconds in which the broker has to answer, once the connection is open.
        """
        settings = self._settings
        where = f"{settings.activemq_host}:{settings.activemq_port}"
        headers = {"client-id": self._client_id} if self._client_id else {}
        ssl_hint = " and the ACTIVEMQ_SSL_ settings" if settings.activemq_use_ssl else ""
        try:
            self._connection.connect(
                settings.activemq_user, settings.activemq_password, wait=False, headers=headers
            )
        except (StompException, OSError) as error:
            raise BrokerUnavailable(
                f"the message broker at {where} is not reachable: {self._reason(error)}",
                "Start it (testbed start-local), or correct ACTIVEMQ_HOST, ACTIVEMQ_PORT"
                f"{ssl_hint}.",
            ) from error
        answered = self._decided.wait(patience)
        if answered and self._logged_in:
            return
        reason = self.error or "it does not answer"
        self.close()
        raise BrokerUnavailable(
            f"the message broker at {where} refuses user {settings.activemq_user!r}"
            f" as client {self._client_id or '(unnamed)'}: {reason}",
            "Check ACTIVEMQ_USER and ACTIVEMQ_PASSWORD, and that no other process uses this"
            " client id.",
        )

    def _reason(self, error: Exception) -> str:
        known = self._connection.transport.failure  # more telling than a socket that is closed
        return known or getattr(error, "strerror", None) or str(error) or type(error).__name__

    def send(self, data: bytes) -> None:
        """Send encoded frames. Raises BrokerUnavailable when the connection is gone."""
        try:
            self._connection.transport.send(data)
        except (StompException, OSError, AttributeError) as error:
            raise BrokerUnavailable(
                f"the connection to the broker is lost: {self._reason(error)}"
            ) from error

    def subscribe(self, subscription: Subscription) -> None:
        """Subscribe and wait until the broker confirmed it."""
        self._confirmed(
            lambda receipt: self._connection.subscribe(
                for_broker(subscription.destination, self._settings),
                subscription.id,
                subscription.ack,
                headers=subscription.headers(self._settings.activemq_durable_header),
                receipt=receipt,
            ),
            f"subscription to {subscription.destination}",
        )

    def unsubscribe(
        self, subscription: Subscription, *, forget: bool, send: Callable[[bytes], None]
    ) -> None:
        """End a subscription; with ``forget`` the broker keeps nothing more for it either.

        ``send`` takes the frames: behind the acknowledgements that are still to be sent.
        """
        self._confirmed(
            lambda receipt: send(frames.unsubscription(subscription.id, receipt, {})),
            f"end of the subscription to {subscription.destination}",
        )
        if forget and subscription.durable:
            named = {self._settings.activemq_durable_header: subscription.durable}
            self._confirmed(
                lambda receipt: send(frames.unsubscription(subscription.id, receipt, named)),
                f"end of the durable subscription {subscription.durable}",
            )

    def close(self) -> None:
        """Disconnect and close the socket; a connection that is lost already is no error."""
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
            if self.lost:  # perhaps before anybody knew of this wait
                receipt.refuse("the connection was lost")
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
        """Record that the broker accepted the login."""
        self.greeting = dict(frame.headers)
        # No more what a refusal of the login would have meant.
        self._connection.transport.failure = "it closed the connection"
        self._logged_in = True
        self._decided.set()

    def on_message(self, frame: Any) -> None:
        """Pass a message to the bus."""
        self._on_message(frame.headers.get("subscription", ""), frame.body, frame.headers)

    def on_receipt(self, frame: Any) -> None:
        """Process a receipt: a number confirms messages, any other ends a ``_Receipt``'s wait."""
        receipt = frame.headers.get("receipt-id", "")
        if receipt.isdigit():
            self._on_receipt(int(receipt))
        elif receipt in self._receipts:
            self._receipts[receipt].answered.set()

    def on_error(self, frame: Any) -> None:
        """Raise the error where the refused frame is waited for; else end the connection."""
        text = frame.body.decode("utf-8", "replace") if frame.body else ""
        error = frame.headers.get("message", "") or text.strip() or "unexplained error"
        receipt = frame.headers.get("receipt-id", "")
        if receipt in self._receipts:
            self._receipts[receipt].refuse(error)
            return
        self.error = error
        if self._logged_in:
            # Who asked may have gone before our answer: that is no fault of anybody's.
            asker_gone = "temp-queue" in error
            logger.log(
                logging.INFO if asker_gone else logging.ERROR, "the broker reports: %s", error
            )
            if not asker_gone:
                self._on_refused(error)
        self._decided.set()
        if receipt.isdigit():
            self.lost = True
            self._on_lost(self)

    def on_disconnected(self) -> None:
        """Report to the bus, and to all who wait for receipts, that the connection is lost."""
        self.lost = True
        self.error = self.error or self._connection.transport.failure
        self._decided.set()
        for receipt in list(self._receipts.values()):
            receipt.refuse(self.error or "the connection was lost")
        self._on_lost(self)
