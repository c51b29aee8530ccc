"""The socket under a STOMP connection, plain or TLS, for stomp.py to use.

stomp.py's own TLS never notices that the broker has gone, and may wait for ever while it closes
such a connection; and it does not tell why a connection was not made.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import ExitStack, suppress
from typing import Any

import stomp
import stomp.connect
import stomp.protocol
import stomp.transport
from stomp.exception import NotConnectedException

from swf_common_lib.settings import Settings

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for the TCP connection, for TLS and for the broker's CONNECTED frame, each."""
SEND_TIMEOUT = 90
"""Seconds after which a broker that takes nothing any more is given up."""
READ_BYTES = 16 * 1024
_DISTRUST = " (does it trust the certificate in ACTIVEMQ_SSL_CERT_FILE?)"


class StompConnection(stomp.Connection12):  # type: ignore[misc]
    """stomp.py's connection for STOMP 1.2, over our own socket."""

    def __init__(self, settings: Settings, heart_beat_ms: int, tolerance: float) -> None:
        self.transport: Transport = Transport(settings)
        stomp.connect.BaseConnection.__init__(self, self.transport)
        stomp.protocol.Protocol12.__init__(
            self,
            self.transport,
            (heart_beat_ms, heart_beat_ms),
            # ActiveMQ takes a body without content-length as text, which older agents expect.
            auto_content_length=False,
            heart_beat_receive_scale=tolerance,
        )


class Transport(stomp.transport.Transport):  # type: ignore[misc]
    """stomp.py's transport, which connects once and says why that failed."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            [(settings.activemq_host, settings.activemq_port)],
            vhost=settings.activemq_host,
            auto_decode=False,
            recv_bytes=READ_BYTES,
        )
        self.failure = ""
        """Why the connection ended, where that is known."""
        self.socket: Any = None
        self.current_host_and_port: tuple[str, int] | None = None
        self._settings = settings
        self._sending = threading.Lock()

    def attempt_connection(self) -> None:
        """Connect. Raises OSError (ssl.SSLError is one) saying why that failed."""
        settings = self._settings
        address = (settings.activemq_host, settings.activemq_port)
        context = _tls_context(settings) if settings.activemq_use_ssl else None
        raw = socket.create_connection(address, CONNECT_TIMEOUT)
        with ExitStack() as undo:
            undo.callback(raw.close)
            # A window waits for the receipt of the one before; it must not wait for the operating
            # system's delayed TCP acknowledgement (40 ms) as well.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = TlsSocket(raw, context, address[0]) if context else raw
            self.failure = "it closed the connection"
            if context:
                self.failure += _DISTRUST
            raw.setblocking(True)
            raw.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_TIMEOUT, 0)
            )
            undo.pop_all()
        self.current_host_and_port = address

    def disconnect_socket(self) -> None:
        """Close the socket, whatever state it is in, and tell the listeners."""
        self.running = False
        opened, self.socket = self.socket, None
        if opened is not None:
            with suppress(OSError):  # the peer, or our own receiver, may have closed it already
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        self.current_host_and_port = None
        if not self.notified_on_disconnect:
            self.notify("disconnected")

    def send(self, encoded_frame: bytes) -> None:
        """Send frames. Raises StompException or OSError when the connection is gone."""
        opened = self.socket
        if opened is None:
            raise NotConnectedException
        with self._sending:
            opened.sendall(encoded_frame)

    def receive(self) -> bytes:
        """Return the bytes received; empty: the connection is over, ``failure`` may say why."""
        try:
            data: bytes = self.socket.recv(READ_BYTES)
        except ssl.SSLError as error:
            self.failure = f"TLS: {error.reason or error}"
            if "CERTIFICATE" in self.failure:
                self.failure += _DISTRUST
            return b""
        except (OSError, AttributeError):  # closed by one of us
            return b""
        return data


def _tls_context(settings: Settings) -> ssl.SSLContext:
    # Not the default context: from Python 3.13 on that refuses the authorities of many a site,
    # whose certificates lack extensions that nothing here depends on.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if settings.activemq_ssl_ca_certs:
            context.load_verify_locations(settings.activemq_ssl_ca_certs)
        else:
            context.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise OSError(f"ACTIVEMQ_SSL_CA_CERTS {settings.activemq_ssl_ca_certs}: {error}") from error
    if settings.activemq_ssl_cert_file:
        try:
            context.load_cert_chain(
                settings.activemq_ssl_cert_file, settings.activemq_ssl_key_file or None
            )
        except (OSError, ssl.SSLError) as error:
            raise OSError(
                f"ACTIVEMQ_SSL_CERT_FILE {settings.activemq_ssl_cert_file} with"
                f" ACTIVEMQ_SSL_KEY_FILE {settings.activemq_ssl_key_file or '(unset)'}: {error}"
            ) from error
    return context


class TlsSocket:
    """A blocking TLS connection that one thread may read while another writes.

    Python's own SSLSocket may not be used so: OpenSSL's state belongs to one thread at a time.
    Here it does, and no thread holds it while it waits for the network.
    """

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._state = threading.Lock()
        self._shake_hands()

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._raw.sendall(self._outgoing.read())
                self._feed(self._raw.recv(READ_BYTES))
        self._raw.sendall(self._outgoing.read())

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``; for one thread at a time. Raises OSError when the peer is gone."""
        rest = memoryview(data)
        with self._state:
            while rest:
                rest = rest[self._tls.write(rest) :]
            records = self._outgoing.read()
        self._raw.sendall(records)

    def recv(self, most: int) -> bytes:
        """Wait and return the bytes received, at most ``most``; empty: the peer has closed."""
        while True:
            with self._state:
                data = self._decrypted(most)
            if data is not None:
                return data
            received = self._raw.recv(READ_BYTES)
            with self._state:
                self._feed(received)

    def _decrypted(self, most: int) -> bytes | None:
        try:
            return self._tls.read(most)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def _feed(self, received: bytes) -> None:
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()

    def getsockname(self) -> Any:
        """Return the local address."""
        return self._raw.getsockname()

    def shutdown(self, how: int) -> None:
        """Shut the connection down; a ``recv`` that waits returns."""
        self._raw.shutdown(how)

    def close(self) -> None:
        """Close the connection."""
        self._raw.close()
