"""Outgoing messages: kept until the broker has confirmed them."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from swf_common_lib.messaging import frames

WINDOW_MESSAGES = 500
"""Messages sent in one piece; the last of them asks for the receipt that confirms them all."""
WINDOW_BYTES = 256 * 1024
WINDOWS_UNDER_WAY = 2
"""Windows that may await their receipt. What comes meanwhile makes up the next: each receipt costs
the broker a write to disk, and so a busy one is asked for fewer."""


@dataclass
class Latency:
    """Seconds from publishing to the broker's confirmation, over the messages of one publisher."""

    messages: int = 0
    total: float = 0.0
    longest: float = 0.0

    @property
    def mean(self) -> float:
        """Return the mean over the confirmed messages; 0 before the first."""
        return self.total / self.messages if self.messages else 0.0

    def note(self, seconds: float) -> None:
        """Count one more message."""
        self.messages += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)


@dataclass(slots=True)
class _Message:
    sequence: int
    head: bytes
    body: bytes
    since: float
    latency: Latency | None


@dataclass(frozen=True)
class _Acknowledgement:
    after: int
    generation: int
    frame: bytes


class Outbox:
    """Holds messages and acknowledgements for the sending thread, in order.

    A message leaves it when a receipt came for it or a later one: receipts are cumulative, as
    a broker takes the frames of a connection one after the other. An acknowledgement leaves
    when everything published before it is confirmed: what a message caused is safe before the
    message is given up.
    """

    def __init__(self, limit: int) -> None:
        self.changed = threading.Condition()
        self.confirmed = 0
        self.last = 0
        self._limit = limit
        self._waiting: deque[_Message] = deque()
        self._sent: deque[_Message] = deque()
        self._asked: deque[int] = deque()
        self._acks: deque[_Acknowledgement] = deque()
        self._generation = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def add(
        self,
        head: bytes,
        body: bytes,
        closing: threading.Event,
        latency: Latency | None = None,
    ) -> int:
        """Add a message and return its sequence number; wait while too many are unconfirmed.

        ``latency`` counts it when it is confirmed.
        """
        with self.changed:
            while len(self) >= self._limit and not closing.is_set():
                self.changed.wait(1.0)
            self.last += 1
            self._waiting.append(_Message(self.last, head, body, time.monotonic(), latency))
            if len(self._waiting) == 1:
                self.changed.notify_all()
            return self.last

    def add_ack(self, frame: bytes, generation: int, after: int) -> None:
        """Add a frame that is valid on one connection only: ACK, NACK, an answer.

        It is sent once messages up to ``after`` are confirmed.
        """
        with self.changed:
            self._acks.append(_Acknowledgement(after, generation, frame))
            if after <= self.confirmed:
                self.changed.notify_all()

    def has_work(self) -> bool:
        """Return whether there is something to send now. Call with ``changed`` held."""
        return self._may_send() or self._due_acks()

    def next_window(self) -> bytes:
        """Return the bytes to send next; their messages now wait for their receipt."""
        pieces: list[bytes] = []
        with self.changed:
            while self._due_acks():
                ack = self._acks.popleft()
                if ack.generation == self._generation:
                    pieces.append(ack.frame)
            if pieces:
                self.changed.notify_all()
            size = 0
            window: list[_Message] = []
            while self._may_send() and len(window) < WINDOW_MESSAGES and size < WINDOW_BYTES:
                message = self._waiting.popleft()
                window.append(message)
                size += len(message.body)
            if window:
                self._asked.append(window[-1].sequence)
            self._sent.extend(window)
        pieces += [frames.complete(m.head, m.body, None) for m in window[:-1]]
        if window:
            last = window[-1]
            pieces.append(frames.complete(last.head, last.body, last.sequence))
        return b"".join(pieces)

    def confirm(self, sequence: int) -> None:
        """Forget the messages up to ``sequence``: the broker has them."""
        with self.changed:
            now = time.monotonic()
            while self._sent and self._sent[0].sequence <= sequence:
                message = self._sent.popleft()
                if message.latency is not None:
                    message.latency.note(now - message.since)
            while self._asked and self._asked[0] <= sequence:
                self._asked.popleft()
            self.confirmed = max(self.confirmed, sequence)
            self.changed.notify_all()

    def drop_acks(self) -> None:
        """Drop the acknowledgements of a lost connection: the broker delivers again."""
        with self.changed:
            self._acks.clear()
            self.changed.notify_all()

    def restart(self, generation: int) -> None:
        """Start again on a new connection: send, in order, what was not confirmed."""
        with self.changed:
            self._generation = generation
            self._waiting.extendleft(reversed(self._sent))
            self._sent.clear()
            self._asked.clear()
            self.changed.notify_all()

    def wait_confirmed(self, sequence: int, timeout: float | None) -> bool:
        """Wait until messages up to ``sequence`` are confirmed and no acknowledgement is due.

        Return False when that took more than ``timeout`` seconds.
        """
        with self.changed:
            return self.changed.wait_for(
                lambda: self.confirmed >= sequence and not self._due_acks(), timeout
            )

    def _may_send(self) -> bool:
        return bool(self._waiting) and len(self._asked) < WINDOWS_UNDER_WAY

    def _due_acks(self) -> bool:
        return bool(self._acks) and self._acks[0].after <= self.confirmed
