"""Truncation: no answer is longer than an assistant can read at once, whatever was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from swf_common_lib.text import middle_cut

MOST_BYTES = 50_000
"""Of one answer: 25,000 tokens even if a token had two letters only."""
MOST_DEEP = 40
"""Levels of nested lists and tables. A message may have hundreds."""
TOO_DEEP = "(what is nested deeper is left out)"
_SHORTEST = 40

Part = TypeVar("Part")


def size_of(value: Any) -> int:
    """Return how many bytes ``value`` takes as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode())


def that_fit(parts: Iterable[Part], most: int) -> list[Part]:
    """Return the first of ``parts``, as many as fit into ``most`` bytes, with a comma each."""
    fitting = []
    for part in parts:
        most -= size_of(part) + 1
        if most < 0:
            break
        fitting.append(part)
    return fitting


def fitted(value: dict[str, Any], most: int = MOST_BYTES) -> dict[str, Any]:
    """Return ``value`` in at most ``most`` bytes: long texts, lists and tables are cut and say so.

    Every field stays, with its type: clients check answers against the tool's schema.
    """
    if size_of(value) <= most:
        return value
    longest, cut = most, value
    while longest >= _SHORTEST:
        items = max(5, longest // 50)
        cut = {name: _cut(part, longest, items) for name, part in value.items()}
        if size_of(cut) <= most:
            return cut
        longest //= 2
    for depth in (3, 2, 1):  # tables of tables of tables: each level has as many again
        flat = {name: shallow(part, depth) for name, part in cut.items()}
        if size_of(flat) <= most:
            return flat
    return {name: _skeleton(part) for name, part in value.items()}


def shallow(value: Any, depth: int = MOST_DEEP) -> Any:
    """Return ``value`` without what is nested deeper than ``depth``: JSON cannot hold that."""
    if not isinstance(value, list | dict):
        return value
    if depth <= 0:
        return TOO_DEEP
    if isinstance(value, list):
        return [shallow(part, depth - 1) for part in value]
    return {name: shallow(part, depth - 1) for name, part in value.items()}


def _cut(value: Any, longest: int, most_items: int) -> Any:
    if isinstance(value, str):
        return middle_cut(value, longest)
    if isinstance(value, list):
        kept = [_cut(part, longest, most_items) for part in value[:most_items]]
        left_out = len(value) - len(kept)
        if not left_out:
            return kept
        objects = all(isinstance(part, dict) for part in kept)
        return [*kept, {"left_out": left_out} if objects else f"({left_out} more left out)"]
    if isinstance(value, dict):
        kept_table = {
            middle_cut(name, longest): _cut(value[name], longest, most_items)
            for name in list(value)[: most_items * 4]
        }
        left_out = len(value) - len(kept_table)
        return {**kept_table, "left_out": left_out} if left_out else kept_table
    return value


def _skeleton(value: Any) -> Any:
    """Return the field itself if it is small, else an empty value of its type."""
    small = not isinstance(value, str | list | dict) or size_of(value) <= _SHORTEST
    return value if small else type(value)()
