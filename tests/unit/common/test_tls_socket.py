"""The TLS socket against a server of Python's own: one thread reads while another writes."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from swf_common_lib.messaging.transport import TlsSocket
from tests.activemq_process import Certificates
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make()
    return made


class Echo(threading.Thread):
    """Sends back what it gets, until the client has closed."""

    def __init__(self, raw: socket.socket, certificates: Certificates) -> None:
        super().__init__(daemon=True)
        self.raw = raw
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(
            certificates.path("broker.pem"), certificates.path("broker.key")
        )

    def run(self) -> None:
        try:
            with self.context.wrap_socket(self.raw, server_side=True) as server:
                while data := server.recv(65536):
                    server.sendall(data)
        except OSError:
            self.raw.close()


@pytest.fixture
def raw(certificates: Certificates) -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    echo = Echo(theirs, certificates)
    echo.start()
    yield ours
    ours.close()
    echo.join(PATIENCE)


def context(certificates: Certificates, authority: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(certificates.path(f"{authority}.pem"))
    return made


def test_more_than_all_buffers_hold_goes_both_ways_at_once(
    raw: socket.socket, certificates: Certificates
) -> None:
    tls = TlsSocket(raw, context(certificates, "authority"), "127.0.0.1")
    data = bytes(range(256)) * 20_000
    writer = threading.Thread(target=tls.sendall, args=(data,))
    writer.start()
    received = bytearray()
    while len(received) < len(data):
        received += tls.recv(10_000)
    writer.join()
    assert received == data


def test_waiting_for_data_ends_when_the_connection_is_shut(
    raw: socket.socket, certificates: Certificates
) -> None:
    tls = TlsSocket(raw, context(certificates, "authority"), "localhost")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(tls.recv(10)))
    reader.start()
    tls.shutdown(socket.SHUT_RDWR)
    reader.join(PATIENCE)
    assert got == [b""]


@pytest.mark.parametrize(("authority", "host"), [("stranger", "127.0.0.1"), ("authority", "other")])
def test_a_certificate_that_does_not_fit_is_refused(
    raw: socket.socket, certificates: Certificates, authority: str, host: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsSocket(raw, context(certificates, authority), host)
