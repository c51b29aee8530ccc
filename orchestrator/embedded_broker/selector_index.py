"""The messages of a queue that one selector lets through."""

from __future__ import annotations

from collections import OrderedDict

from orchestrator.embedded_broker.message import QueuedMessage
from orchestrator.embedded_broker.selector import compile_selector

Waiting = OrderedDict[int, QueuedMessage]
"""Messages by their numbers, in order."""


class SelectorIndex:
    """The waiting messages of a queue that match one selector."""

    def __init__(self, selector: str) -> None:
        self.selector = selector
        self.matches = compile_selector(selector)
        self.waiting: Waiting = OrderedDict()
        self.consumers = 0
