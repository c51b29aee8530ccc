"""How much a refusal says: what is wrong with the first few things, whatever was sent."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from swf_common_lib.text import middle_cut

MOST_CHARACTERS = 8_000
"""Of one refusal; with each of its values and names on top of each other it had no end."""
LONGEST_NAME = 100
"""Of a name that is looked for among those that there are, or told back."""
_FIRST, _LAST = 20, 10
"""Lines that are told of many: hints are at the end."""
_LONGEST_LINE = 1_500

T = TypeVar("T")

_values = reprlib.Repr()
_values.maxstring = _values.maxother = _values.maxlong = 80
_values.maxlist = _values.maxdict = 20


def bounded(text: str) -> str:
    """Give ``text`` in at most 8,000 characters: its first and last lines, each of some length."""
    lines = text.split("\n")
    if (left_out := len(lines) - _FIRST - _LAST) > 0:
        lines = [*lines[:_FIRST], f"... {left_out} more ...", *lines[-_LAST:]]
    longest = _LONGEST_LINE
    while True:
        told = "\n".join(middle_cut(line, longest) for line in lines)
        if len(told) <= MOST_CHARACTERS:
            return told
        longest //= 2


def told_of(wrong: Sequence[T], say: Callable[[T], str]) -> str:
    """Give a line for each of the first of what is wrong, and how many more there are."""
    lines = [say(one) for one in wrong[:_FIRST]]
    left_out = len(wrong) - len(lines)
    return "\n".join([*lines, f"... {left_out} more"] if left_out else lines)


def named(name: str) -> str:
    """Give a name as it is told back."""
    return middle_cut(name, LONGEST_NAME)


def shown(value: object) -> str:
    """Give a value as it is told back."""
    return f"{_values.repr(value):.80}"
