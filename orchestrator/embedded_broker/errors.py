"""Errors with which the broker refuses frames: each becomes an ERROR frame."""

from __future__ import annotations


class CommandRejected(Exception):
    """A valid frame that cannot be carried out; its sender gets an ERROR and stays connected."""


class FrameError(Exception):
    """Bytes that are not a STOMP frame; the connection they came on is closed."""
