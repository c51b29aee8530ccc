"""What takes long to gather of a large run is kept for a while: not gathered for each who asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from django.core.cache import cache

LARGE = 20_000
"""Rows from which on what is gathered from all of them is kept. Less is gathered in no time."""
KEPT = 10
"""Seconds for which it is."""

T = TypeVar("T")


def kept_of_run(what: str, run_number: int, phase: str, slices: int, gather: Callable[[], T]) -> T:
    """Give what ``gather`` gives for a run, or gave a short while ago when the run is large.

    A run of another ``phase`` is gathered anew.
    """
    if slices < LARGE:
        return gather()
    return cast("T", cache.get_or_set(f"{what}:{run_number}:{phase}", gather, KEPT))
