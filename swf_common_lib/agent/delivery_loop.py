"""Handling deliveries in batches: retried, acknowledged when safe, never lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from swf_common_lib.agent.acknowledgements import Acknowledgements
from swf_common_lib.errors import InvalidMessage, TestbedError, Unavailable
from swf_common_lib.messaging import Delivery, MessageBus

BATCH_DELIVERIES = 200
"""Deliveries handled before the end of a batch and their acknowledgement."""
HANDLER_TRIES = 3
RETRY_FIRST, RETRY_LAST = 0.1, 5.0
"""Seconds before something is tried again."""


class DeliveryLoop:
    """Receives deliveries from a bus, has each handled, and acknowledges batches of them.

    An action that cannot reach monitor or broker is tried again until it can or ``stopping`` is
    set. A message that says nothing usable ends in the dead letters at once, any other failure
    after ``HANDLER_TRIES`` tries; both are logged.
    """

    def __init__(
        self,
        bus: MessageBus,
        handle: Callable[[Delivery], Callable[[], None] | None],
        finish_batch: Callable[[], None],
        stopping: threading.Event,
        logger: logging.Logger,
    ) -> None:
        self._bus = bus
        self._handle = handle
        self._finish_batch = finish_batch
        self._stopping = stopping
        self._logger = logger
        self._current: Delivery | None = None
        self._acknowledgements = Acknowledgements(bus)

    def work_batch(self, first: Delivery) -> None:
        """Handle ``first`` and what else waits already, and acknowledge it together."""
        handled: list[Delivery] = []
        refused: Delivery | None = None
        delivery: Delivery | None = first
        while delivery is not None and not self._stopping.is_set():
            self._current = delivery
            if self._handled(delivery):
                handled.append(delivery)
            elif not self._stopping.is_set():
                refused = delivery
                break  # what is answered about it comes after the answer about those before it
            if len(handled) >= BATCH_DELIVERIES:
                break
            delivery = self._bus.receive(0)
        self._current = None
        useless = [refused] if refused is not None else []
        if self.attempt(self._finish_batch, "the end of a batch"):
            self._acknowledgements.settle(handled, useless)
        elif not self._stopping.is_set():
            self._acknowledgements.settle([], [*handled, *useless])

    def hold(self) -> Delivery:
        """Keep the delivery being handled unacknowledged until ``release``, and return it."""
        if self._current is None:
            raise TestbedError("there is no delivery to hold outside of a handler")
        self._acknowledgements.hold(self._current)
        return self._current

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledge held deliveries once all that was published so far is confirmed."""
        self._acknowledgements.release(deliveries)

    def attempt(self, action: Callable[[], None], what: str) -> bool:
        """Repeat ``action`` until it succeeds; return False when it cannot or the agent stops."""
        tries, delay = 0, RETRY_FIRST
        while True:
            try:
                action()
                return True
            except Unavailable as error:
                self._logger.warning("%s waits: %s", what, error.detail)
            except InvalidMessage as error:  # a retry cannot help
                self._logger.error("%s cannot be used: %s", what, error)
                return False
            except Exception:  # whatever a handler raises is logged, and the agent lives on
                tries += 1
                self._logger.exception("%s failed (try %d of %d)", what, tries, HANDLER_TRIES)
                if tries == HANDLER_TRIES:
                    return False
            if self._stopping.wait(delay):
                return False
            delay = min(2 * delay, RETRY_LAST)

    def _handled(self, delivery: Delivery) -> bool:
        action = self._handle(delivery)
        if action is None:
            return True
        what = f"{delivery.headers.get('msg_type') or 'a message'} on {delivery.destination}"
        return self.attempt(action, what)
