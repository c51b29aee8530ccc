"""Recently seen keys, up to a limit, so that the memory does not grow in an endless run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class RecentKeys(Generic[K]):
    """The newest ``limit`` different keys that were added."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: OrderedDict[K, None] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: K) -> None:
        """Remember a key; one that is known already keeps its age."""
        self._keys[key] = None
        if len(self._keys) > self._limit:
            self._keys.popitem(last=False)
