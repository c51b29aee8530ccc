"""What the broker says no with: each becomes an ERROR frame."""

from __future__ import annotations


class Refusal(Exception):
    """A frame well formed that cannot be done; its sender is told and, as with ActiveMQ, stays."""


class FrameError(Exception):
    """Bytes that are not a STOMP frame; the connection they came on cannot go on."""
