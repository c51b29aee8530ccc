"""The understood messages of a batch, as the projections ask for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from monitor.ingest.entry import Entry
from swf_common_lib.messages import Message

M = TypeVar("M", bound=Message)


class BatchEntries:
    """Entries whose message was understood, in their order, with an index by message type."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._all: list[Entry] = []
        self._of_type: defaultdict[type[Message], list[tuple[Entry, Any]]] = defaultdict(list)
        for entry in entries:
            message = entry.message
            if message is not None:
                self._all.append(entry)
                self._of_type[type(message)].append((entry, message))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of_type(self, kind: type[M]) -> Sequence[tuple[Entry, M]]:
        """Return the entries whose message is of this type, with that message."""
        return self._of_type.get(kind, ())
