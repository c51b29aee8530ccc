"""One TCP connection: bytes in and out, and the heart-beats."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Protocol

from orchestrator.embedded_broker.errors import FrameError
from orchestrator.embedded_broker.frames import Frame, FrameSplitter, frame_bytes
from orchestrator.embedded_broker.store import Store

logger = logging.getLogger(__name__)

OUT_LIMIT = 1024 * 1024
"""Bytes that wait to be sent from which on a connection is given no more messages."""
CONNECT_WITHIN = 30.0
"""Seconds that a client has to log in."""
LINGER = 1.0
"""Seconds that a client has to close its end after the broker has closed its own."""
ABORT_AFTER = 30.0
"""Seconds after which a connection is gone even if the client has not read all of it."""


class ConnectionServer(Protocol):
    """What a connection needs of the broker that it belongs to."""

    loop: asyncio.AbstractEventLoop
    max_frame: int
    store: Store
    blocked_senders: set[Connection]

    def schedule_flush(self, connection: Connection) -> None:
        """Flush a connection at the end of this turn of the event loop."""


class Connection(asyncio.Protocol):
    """The byte stream of a client's connection; ``Session`` carries out its frames."""

    def __init__(self, server: ConnectionServer, number: int) -> None:
        self.server = server
        self.number = number
        self.splitter = FrameSplitter(server.max_frame)
        self.logged_in = False
        self.writable = True
        """Whether messages may be written to it; other frames always are."""
        self.closing = False
        self.sends_every = self.expects_every = 0.0
        """Heart-beats in s; 0: none."""
        self._transport: asyncio.Transport | None = None
        self._congested = False
        self._out: list[bytes] = []
        self._out_size = 0
        self._to_flush = False
        self._late = False
        self._made = self._received = self._sent = server.loop.time()

    @abstractmethod
    def handle(self, frame: Frame) -> None:
        """Carry out the command of a frame; raises FrameError."""

    @abstractmethod
    def resume(self) -> None:
        """Write the messages that wait, now that there is room again."""

    @abstractmethod
    def ended(self) -> None:
        """Remove what ends with the connection."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport of the new connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        transport.set_write_buffer_limits(high=OUT_LIMIT, low=OUT_LIMIT // 4)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Carry out the frames that are complete with ``data``."""
        if self.closing:
            return
        self._received = self.server.loop.time()
        self._late = False
        try:
            for frame in self.splitter.feed(data):
                self.handle(frame)
                if self.closing:
                    return
        except FrameError as error:
            self.fail(str(error))
        if self.server.store.crowded and self._transport is not None and not self.closing:
            self._transport.pause_reading()
            self.server.blocked_senders.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Requeue what the client had not acknowledged."""
        self.writable = False
        self._transport = None
        if not self.closing:
            self.closing = True
            self.ended()

    def pause_writing(self) -> None:
        """Record that the client reads more slowly than we send."""
        self._congested = True
        self.writable = False

    def resume_writing(self) -> None:
        """Continue to send what waits for the client."""
        self._congested = False
        self._go_on()

    # Writing

    def write(self, pieces: Iterable[bytes], size: int) -> None:
        """Send bytes at the end of this turn of the event loop; ``size`` counts for messages."""
        self._out += pieces
        self._out_size += size
        if self._out_size > OUT_LIMIT:
            self.writable = False
        if not self._to_flush:
            self._to_flush = True
            self.server.schedule_flush(self)

    def write_frame(self, command: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a frame that is not a message."""
        self.write((frame_bytes(command, headers, body),), 0)

    def flush(self) -> None:
        """Pass to the transport what was written in this turn."""
        self._to_flush = False
        if self.closing:
            return
        self._write_out()
        if not self._congested and not self.writable:
            self._go_on()

    def _write_out(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self._sent = self.server.loop.time()

    def _go_on(self) -> None:
        if not self.closing:
            self.writable = True
            self.resume()

    @property
    def open(self) -> bool:
        """Return whether the transport is still there."""
        return self._transport is not None

    def read_on(self) -> None:
        """Read again after the store had too much to write."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def stop_reading(self) -> None:
        """Stop reading: the broker is about to end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    # The end

    def error(self, text: str, receipt: str | None = None) -> None:
        """Send an ERROR frame."""
        headers = {"message": text.splitlines()[0], "content-type": "text/plain"}
        if receipt is not None:
            headers["receipt-id"] = receipt
        if not self.logged_in:
            headers["version"] = "1.1,1.2"
        body = text.encode()
        headers["content-length"] = str(len(body))
        self.write_frame("ERROR", headers, body)

    def fail(self, text: str, receipt: str | None = None) -> None:
        """Send an ERROR and close the connection."""
        if not self.closing:
            logger.warning("%s closed: %s", self, text)
            self.error(text, receipt)
            self.close()

    def close(self) -> None:
        """Close the connection when all that was written to it is sent."""
        if self.closing:
            return
        self.closing = True
        self.writable = False
        self._write_out()
        self.ended()
        transport = self._transport
        if transport is not None and not transport.is_closing():
            # What still comes is read and dropped: a socket closed with bytes unread is reset,
            # and the client would lose the ERROR that is on its way to it.
            transport.write_eof()
            transport.resume_reading()
            self.server.loop.call_later(LINGER, transport.close)
            self.server.loop.call_later(ABORT_AFTER, transport.abort)

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def beat(self, now: float) -> None:
        """Send a heart-beat when one is due; end a connection that is silent for too long."""
        if not self.logged_in:
            if now - self._made > CONNECT_WITHIN:
                self.fail(f"no CONNECT within {CONNECT_WITHIN:.0f} s")
            return
        silent = now - self._received
        if self.sends_every and now - self._sent > self.sends_every / 2:
            self.write((b"\n",), 0)
        if self.expects_every and silent > self.expects_every * 2 + 1:
            # A beat may have come while the loop was busy: it is read before the next look.
            if self._late:
                self.fail(f"no heart-beat for {silent:.1f} s")
            self._late = True
