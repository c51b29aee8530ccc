"""STOMP 1.2 frames as bytes, ready to be sent many at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ESCAPES = {"\\": "\\\\", "\n": "\\n", ":": "\\c", "\r": "\\r"}
_SPECIAL = re.compile(r"[\\\n:\r]")


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Encode headers, one per line, escaped as STOMP 1.2 requires."""
    lines = []
    for name, value in headers.items():
        if _SPECIAL.search(value):
            value = _SPECIAL.sub(lambda found: _ESCAPES[found.group()], value)
        lines.append(f"{name}:{value}\n")
    return "".join(lines).encode()


def send_head(headers: Mapping[str, str]) -> bytes:
    """Encode a SEND frame up to its last header; a receipt header can still be added."""
    return b"SEND\n" + header_lines(headers)


def complete(head: bytes, body: bytes, receipt: int | None) -> bytes:
    """Complete a SEND frame; ``receipt`` is the id of the receipt wanted, if any."""
    if receipt is None:
        return b"%b\n%b\0" % (head, body)
    return b"%breceipt:%d\n\n%b\0" % (head, receipt, body)


def acknowledgement(command: str, ack_id: str) -> bytes:
    """Encode an ACK or NACK frame."""
    return f"{command}\n".encode() + header_lines({"id": ack_id}) + b"\n\0"


def unsubscription(subscription_id: str, receipt: str, headers: Mapping[str, str]) -> bytes:
    """Encode an UNSUBSCRIBE frame."""
    return b"UNSUBSCRIBE\n%b\n\0" % header_lines(
        {"id": subscription_id, "receipt": receipt, **headers}
    )
