"""A message on its way into the database."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple

from monitor.ingest.times import parse_time
from monitor.ingest.validity import PROJECTED, run_number, understood
from swf_common_lib.errors import InvalidMessage
from swf_common_lib.messages import Message, parse_body

RAW_LIMIT = 65_536
"""Bytes that are stored of a body that cannot be understood."""
PROBLEM_LIMIT = 2_000
MALFORMED = "malformed"
"""Type of a message that has none."""
LIMITS = {
    "message_id": 200,
    "msg_type": 100,
    "namespace": 100,
    "sender": 100,
    "execution_id": 250,
    "run_id": 50,
}
"""How many characters the columns of the envelope may have."""
FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Errors that the content of a message may cause in our code."""
_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")
"""Characters that PostgreSQL's text and jsonb refuse."""

logger = logging.getLogger(__name__)


class Incoming(NamedTuple):
    """A message as the broker delivered it."""

    body: bytes
    headers: Mapping[str, str]
    destination: str


@dataclass(slots=True)
class Entry:
    """A message as it will be recorded; ``message`` is there if its type has a projection."""

    message_id: str
    message_type: str
    namespace: str
    sender: str
    execution_id: str
    run_id: str
    destination: str
    sent_at: datetime
    received_at: datetime
    content: str
    """JSON text of the body."""
    problem: str = ""
    message: Message | None = None
    run_number: int = 0
    """Number of its run; only meaningful beside ``message``."""

    def give_up(self, problem: str) -> None:
        """Record the message with its problem, and derive nothing from it."""
        self.problem = "; ".join(filter(None, (self.problem, problem)))[:PROBLEM_LIMIT]
        self.message = None


def read_entry(incoming: Incoming) -> Entry:
    """Return the entry of a message; one that cannot be understood has a problem in it.

    A faulty message must never stop the reading: it would be delivered again and again.
    """
    received_at = now()
    try:
        return _read(incoming, received_at)
    except InvalidMessage as error:
        return malformed(incoming, error.detail, received_at)
    except FAULTS as error:
        logger.exception("a message on %s cannot be read", incoming.destination)
        return malformed(incoming, f"{type(error).__name__}: {error}", received_at)


def _read(incoming: Incoming, received_at: datetime) -> Entry:
    body = parse_body(incoming.body)
    content = incoming.body.decode()
    problems: list[str] = []
    if "\\u" in content:
        body, content = _storable(body, content, problems)
    entry = Entry(
        message_id=_identity(body.get("message_id"), incoming),
        message_type=_type(body, problems),
        namespace=_text(body, "namespace", problems),
        sender=_text(body, "sender", problems),
        execution_id=_text(body, "execution_id", problems),
        run_id=_text(body, "run_id", problems),
        destination=incoming.destination[:200],
        sent_at=parse_time(body.get("timestamp"), received_at),
        received_at=received_at,
        content=content,
        problem="; ".join(problems),
    )
    if entry.message_type in PROJECTED:
        _understand(entry, body)
    return entry


def malformed(incoming: Incoming, problem: str, received_at: datetime) -> Entry:
    """Return the entry of a message whose body cannot be understood; the body is stored as text."""
    raw = incoming.body[:RAW_LIMIT].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return Entry(
        message_id=_identity("", incoming),
        message_type=MALFORMED,
        namespace="",
        sender="",
        execution_id="",
        run_id="",
        destination=incoming.destination[:200],
        sent_at=received_at,
        received_at=received_at,
        content=json.dumps({"raw": raw}),
        problem=_printable(problem)[:PROBLEM_LIMIT],
    )


def _understand(entry: Entry, body: dict[str, Any]) -> None:
    try:
        message, problems = understood(body)
        number = run_number(message)
    except InvalidMessage as error:
        entry.give_up(_printable(error.detail))
        return
    if entry.problem:
        entry.give_up("; ".join(problems))
        return
    entry.message, entry.run_number = message, number
    if problems:
        entry.problem = _printable("; ".join(problems))[:PROBLEM_LIMIT]


def _identity(given: Any, incoming: Incoming) -> str:
    identity = given if isinstance(given, str) else str(given) if _is_number(given) else ""
    identity = identity or incoming.headers.get("message-id", "")
    if not identity:
        place = incoming.destination.encode() + b"\0"
        return f"sha256:{hashlib.sha256(place + incoming.body).hexdigest()}"
    if len(identity) > LIMITS["message_id"] or not identity.isprintable():
        return f"sha256:{hashlib.sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return identity


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _type(body: dict[str, Any], problems: list[str]) -> str:
    if isinstance(body.get("msg_type"), str) and body["msg_type"]:
        return _text(body, "msg_type", problems)
    problems.append("the body has no msg_type, or one that is not text")
    return MALFORMED


def _text(body: dict[str, Any], name: str, problems: list[str]) -> str:
    value = body.get(name, "")
    limit = LIMITS[name]
    if isinstance(value, str) and len(value) <= limit:
        return value
    if value is None:
        return ""
    if not isinstance(value, str):
        if not _is_number(value):
            problems.append(f"{name} is a {type(value).__name__}, not text")
        value = str(value)
    if len(value) > limit:
        problems.append(f"{name} has {len(value)} characters and is cut to {limit}")
        value = value[:limit]
    return value


def _storable(
    body: dict[str, Any], content: str, problems: list[str]
) -> tuple[dict[str, Any], str]:
    cleaned = _clean(body)
    if cleaned == body:
        return body, content
    problems.append("NUL characters or lone surrogates in it are replaced by their escapes")
    return cleaned, json.dumps(cleaned)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _printable(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_printable(key): _clean(item) for key, item in value.items()}
    return value


def _printable(text: str) -> str:
    return _UNSTORABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(timezone.utc)
