"""Bounds for the text of errors: they show the first few faults only, however many there are."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from swf_common_lib.text import middle_cut

MOST_CHARACTERS = 8_000
"""Of one error. Without a bound, an error that repeats what was sent can be as long as that."""
LONGEST_NAME = 100
"""Of a name that is compared with the known names, or shown in an error."""
_FIRST, _LAST = 20, 10
"""Lines that are shown of a long error: the first ones, and the last ones, which have the hints."""
_LONGEST_LINE = 1_500

T = TypeVar("T")

_values = reprlib.Repr()
_values.maxstring = _values.maxother = _values.maxlong = 80
_values.maxlist = _values.maxdict = 20


def bounded(text: str) -> str:
    """Return ``text`` in at most 8,000 characters: its first and last lines, shortened."""
    lines = text.split("\n")
    if (left_out := len(lines) - _FIRST - _LAST) > 0:
        lines = [*lines[:_FIRST], f"... {left_out} more ...", *lines[-_LAST:]]
    longest = _LONGEST_LINE
    while True:
        told = "\n".join(middle_cut(line, longest) for line in lines)
        if len(told) <= MOST_CHARACTERS:
            return told
        longest //= 2


def fault_lines(wrong: Sequence[T], say: Callable[[T], str]) -> str:
    """Return a line for each of the first 20 faults, and one with the number of the others."""
    lines = [say(one) for one in wrong[:_FIRST]]
    left_out = len(wrong) - len(lines)
    return "\n".join([*lines, f"... {left_out} more"] if left_out else lines)


def short_name(name: str) -> str:
    """Return a name as an error shows it: at most 100 characters."""
    return middle_cut(name, LONGEST_NAME)


def short_value(value: object) -> str:
    """Return a value as an error shows it: at most 80 characters."""
    return f"{_values.repr(value):.80}"
