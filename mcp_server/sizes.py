"""No answer is more than an assistant can read at once, whatever was asked."""

from __future__ import annotations

import json
from typing import Any

MOST_BYTES = 50_000
"""Of one answer: 25,000 tokens, were each of two letters only."""
_SHORTEST = 40


def size_of(value: Any) -> int:
    """Give the bytes that ``value`` takes as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode())


def fitted(value: dict[str, Any], most: int = MOST_BYTES) -> dict[str, Any]:
    """Give ``value`` in ``most`` bytes: long texts, lists and tables in it are cut, and say so."""
    if size_of(value) <= most:
        return value
    longest = most // 4
    while longest >= _SHORTEST:
        cut: dict[str, Any] = _cut(value, longest, max(5, longest // 50))
        if size_of(cut) <= most:
            return cut
        longest //= 2
    return {
        name: part for name, part in _cut(value, _SHORTEST, 3).items() if size_of(part) <= _SHORTEST
    }


def short(text: str, length: int) -> str:
    """Give the first line of a text, ``length`` characters of it at most."""
    line = text.strip().split("\n", 1)[0].strip()
    return line if len(line) <= length else f"{line[: max(0, length - 3)]}..."


def _cut(value: Any, longest: int, most_items: int) -> Any:
    if isinstance(value, str):
        if len(value) <= longest:
            return value
        half = longest // 2
        left_out = len(value) - 2 * half
        return f"{value[:half]} ... ({left_out} characters left out) ... {value[-half:]}"
    if isinstance(value, list):
        kept = [_cut(part, longest, most_items) for part in value[:most_items]]
        left_out = len(value) - len(kept)
        return [*kept, f"({left_out} more left out)"] if left_out else kept
    if isinstance(value, dict):
        names = list(value)[: most_items * 4]
        kept_table = {name: _cut(value[name], longest, most_items) for name in names}
        left_out = len(value) - len(names)
        return {**kept_table, "left_out": left_out} if left_out else kept_table
    return value
