"""JSON that every program can read: without infinite numbers, and not too deeply nested."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pydantic_core import from_json

MOST_LEVELS = 201
"""Objects and lists within each other: what the quick decoder takes. Who walks through a value by
recursion, here or in another language, comes to its end."""

_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE_EXPONENT = re.compile(rb"e000+[\s,\]}]")
_MANY_DIGITS = b"0" * 200
"""Fewer of them before an exponent of two digits are a finite number."""


def read_json(text: str | bytes) -> Any:
    """Decode JSON. Raises ValueError (UnicodeDecodeError is one) saying what is wrong."""
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not _may_overflow(encoded):
        try:
            return from_json(encoded, allow_inf_nan=False)
        except ValueError:
            pass
    # Several times as slow, but it takes what the other refuses though JSON allows it (surrogates
    # by themselves), and what is wrong it says in terms of characters.
    try:
        value = _DECODER.decode(text.decode("utf-8") if isinstance(text, bytes) else text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _levels(value) > MOST_LEVELS:
        raise ValueError(_TOO_DEEP)
    return value


def _may_overflow(encoded: bytes) -> bool:
    """Return whether there may be a number that is too large; in most texts there is none.

    Both decoders read 1e999 as infinity. To examine all decoded values would take longer than the
    decoding.
    """
    shape = encoded.translate(_SHAPE, b"+")
    if b"e000" in shape and _LARGE_EXPONENT.search(shape):
        return True
    return _MANY_DIGITS in shape


def _levels(value: Any) -> int:
    levels, inner = 0, [value]
    while inner := [item for item in inner if isinstance(item, dict | list)]:
        levels += 1
        inner = [
            item
            for outer in inner
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return levels


def _refuse(constant: str) -> None:
    raise ValueError(f"it contains {constant} as a value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"it contains {digits[:40]}, a number larger than any computer's")
    return number


_TOO_DEEP = f"it is nested deeper than {MOST_LEVELS} levels"
_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
"""Python's own takes NaN, Infinity and 1e999, which nobody else does, for numbers."""
