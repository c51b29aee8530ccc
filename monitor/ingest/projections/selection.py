"""The messages of one type within a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from monitor.ingest.entry import Entry
from swf_common_lib.messages import Message

M = TypeVar("M", bound=Message)


def of_type(entries: Iterable[Entry], kind: type[M]) -> Iterator[tuple[Entry, M]]:
    """Give the entries whose message is of a type, with that message."""
    for entry in entries:
        if isinstance(entry.message, kind):
            yield entry, entry.message
