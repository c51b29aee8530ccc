"""Suggestions: the nearest known name to one that is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name most like ``name``, or None when none is like it.

    ``cutoff`` is the least likeness, 0 to 1. Upper and lower case count as the same.
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(name.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean X?"`` or, when nothing is near, ``"known: A, B, C"``."""
    names = sorted(set(known))
    match = nearest(name, names)
    if match is not None:
        return f"did you mean {match}?"
    if not names:
        return "none is known"
    shown = ", ".join(names[:20])
    return f"known: {shown}" + (", ..." if len(names) > 20 else "")
