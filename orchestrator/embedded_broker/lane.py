"""The messages of a box that one selector lets through."""

from __future__ import annotations

from collections import OrderedDict

from orchestrator.embedded_broker.message import Message
from orchestrator.embedded_broker.selector import compile_selector

Waiting = OrderedDict[int, Message]
"""Messages by their numbers, in order."""


class Lane:
    """The waiting messages of a box that match one selector."""

    def __init__(self, selector: str) -> None:
        self.selector = selector
        self.matches = compile_selector(selector)
        self.waiting: Waiting = OrderedDict()
        self.consumers = 0
