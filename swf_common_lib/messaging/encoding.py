"""Messages as they go out: the head of a SEND frame, and the body as JSON."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from swf_common_lib.messages import utc_now
from swf_common_lib.messaging import frames

VIRTUAL_ORGANISATION = "eic"

_ENCODER = json.JSONEncoder(separators=(",", ":"))


def encode_message(
    destination: str,
    body: Mapping[str, Any],
    persistent: bool,
    ttl_ms: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[bytes, bytes]:
    """Return the head of a SEND frame, and its body."""
    message = dict(body)
    if not message.get("message_id"):
        message["message_id"] = str(uuid.uuid4())
    if not message.get("timestamp"):
        message["timestamp"] = utc_now()
    head = _head(
        destination,
        persistent,
        str(message.get("msg_type", "")),
        str(message.get("namespace", "")),
        str(message.get("run_id", "")),
    )
    if ttl_ms is not None:
        expires = int(time.time() * 1000) + ttl_ms
        head += frames.header_lines({"ttl": str(ttl_ms), "expires": str(expires)})
    if headers:
        head += frames.header_lines(headers)
    return head, _json(message)


def _json(message: dict[str, Any]) -> bytes:
    try:
        return to_json(message, inf_nan_mode="constants")
    except PydanticSerializationError:
        # Five times as slow, but it accepts lone surrogates, and its errors say what is wrong.
        return _ENCODER.encode(message).encode()


@lru_cache(maxsize=256)
def _head(destination: str, persistent: bool, msg_type: str, namespace: str, run_id: str) -> bytes:
    """Return the head of a SEND frame: the same for most messages of a run."""
    return frames.send_head(
        {
            "destination": destination,
            "persistent": "true" if persistent else "false",
            "vo": VIRTUAL_ORGANISATION,
            "msg_type": msg_type,
            "namespace": namespace,
            "run_id": run_id,
        }
    )
