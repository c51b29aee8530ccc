"""Checks of the message broker, on a connection like the agents'."""

from __future__ import annotations

import queue
import socket
import ssl
import time
import uuid
from collections.abc import Iterator

from orchestrator.doctor.check_result import CheckResult, SameTrouble, error, ok, warning
from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.findings import FindingCode
from swf_common_lib.messaging import Delivery, Subscription, frames
from swf_common_lib.messaging.link import HEART_BEAT_MS, Link
from swf_common_lib.settings import Settings

ANSWER_TIMEOUT = 5.0
"""Seconds that anything asked of the broker may take."""
SLOW = 0.5
"""Seconds for a message's way through an idle broker above which there is a warning."""

AWAY = SameTrouble((FindingCode.BROKER_AWAY, FindingCode.BROKER_HANGS), "broker")
_CONNECTION_REMEDIES = (
    (
        "does it trust the certificate",
        "The broker's truststore (SWF_BROKER_TRUSTSTORE on its host) has to hold the authority that"
        " signed the certificate in ACTIVEMQ_SSL_CERT_FILE; where that is empty, name one.",
    ),
    ("certificate", "Look at ACTIVEMQ_SSL_CERT_FILE and ACTIVEMQ_SSL_KEY_FILE."),
    ("closed the connection", "If it speaks TLS: ACTIVEMQ_USE_SSL=true and what belongs to it."),
    ("activemq_ssl_", "Correct that setting, or put the file there, readable for you."),
)
"""What is part of a refusal's detail, and what to do then; the first that fits counts."""


def check_broker(settings: Settings) -> Iterator[CheckResult]:
    """Check address, login, version, heart-beats, and the round trip of a message."""
    where = f"{settings.activemq_host}:{settings.activemq_port}"
    try:
        socket.create_connection(
            (settings.activemq_host, settings.activemq_port), ANSWER_TIMEOUT
        ).close()
    except OSError as fault:
        detail = f"nothing answers at {where} ({fault})"
        yield error("broker", detail, _start_remedy(settings), AWAY)
        return
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    link = Link(
        settings,
        "",
        on_message=lambda _subscription, body, _headers: arrived.put(body),
        on_receipt=lambda _number: None,
        on_lost=lambda _link: None,
    )
    try:
        link.open()
    except BrokerUnavailable as fault:
        yield error("broker", fault.detail, _connection_remedy(fault))
        return
    try:
        yield ok("broker", f"{where} takes the login of {settings.activemq_user!r}{_tls(settings)}")
        yield from _check_greeting(link.greeting)
        yield from _check_round_trip(link, arrived)
    finally:
        link.close()


def _start_remedy(settings: Settings) -> str:
    if settings.swf_broker == "external":
        return "Start it where it is, open the firewall, or correct ACTIVEMQ_HOST, ACTIVEMQ_PORT."
    return "`testbed start-local` starts it; `testbed logs broker` says why it ended."


def _connection_remedy(fault: BrokerUnavailable) -> str:
    """Return what to do when the broker answers but refuses the connection."""
    if isinstance(fault.__cause__, ssl.SSLCertVerificationError):
        return (
            "ACTIVEMQ_SSL_CA_CERTS has to hold the authority that signed the broker's certificate,"
            " and ACTIVEMQ_HOST has to be a name in it."
        )
    remedies = (remedy for sign, remedy in _CONNECTION_REMEDIES if sign in fault.detail.lower())
    return next(remedies, fault.hint)


def _tls(settings: Settings) -> str:
    return " over TLS" if settings.activemq_use_ssl else ""


def _check_greeting(greeting: dict[str, str]) -> Iterator[CheckResult]:
    version = greeting.get("version", "none")
    server = greeting.get("server", "unnamed server")
    if version == "1.2":
        yield ok("broker version", f"{server}, STOMP {version}")
    else:
        detail = f"{server} speaks STOMP {version}, not 1.2"
        yield error("broker version", detail, "Use ActiveMQ Classic 5.16 or newer, or Artemis.")
    beats = greeting.get("heart-beat", "0,0")
    sends, _, wants = beats.partition(",")
    if sends.strip("0") and wants.strip("0"):
        yield ok("heart-beat", f"ours every {HEART_BEAT_MS / 1000:g} s, the broker's {beats} ms")
    else:
        yield warning(
            "heart-beat",
            f"the broker offers {beats}: a connection that died silently stays unnoticed",
            "Let its STOMP connector beat (ActiveMQ Classic: transport.hbGracePeriodMultiplier).",
        )


def _check_round_trip(link: Link, arrived: queue.SimpleQueue[bytes]) -> Iterator[CheckResult]:
    """Send a message to a temporary queue and wait until it comes back."""
    mine = f"/temp-queue/doctor-{uuid.uuid4()}"
    body = uuid.uuid4().hex.encode()
    sink: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
    remedy = "Look into the broker's log: disk or memory limits, or permission for temp-queue://>."
    try:
        link.subscribe(Subscription(str(uuid.uuid4()), mine, "auto", 1, "", "", sink))
        since = time.monotonic()
        link.send(frames.complete(frames.send_head({"destination": mine}), body, None))
        came = arrived.get(timeout=ANSWER_TIMEOUT)
    except BrokerUnavailable as fault:
        yield error("message", fault.detail, fault.hint or remedy)
        return
    except queue.Empty:
        why = f": {link.error}" if link.error else ""
        detail = f"a message did not come back within {ANSWER_TIMEOUT:g} s{why}"
        yield error("message", detail, remedy)
        return
    took = time.monotonic() - since
    detail = f"there and back in {took * 1000:.0f} ms"
    if came != body:
        yield error("message", "it came back changed", "Look for what sits between here and it.")
    elif took > SLOW:
        yield warning("message", detail, "The broker or the way to it is slow.")
    else:
        yield ok("message", detail)
