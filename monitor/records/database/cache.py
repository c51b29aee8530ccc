"""A cache for large runs: what takes long to compute is not computed for each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from django.core.cache import cache

LARGE = 20_000
"""Rows from which on a result is cached; with fewer it is computed in no time."""
CACHE_SECONDS = 10

T = TypeVar("T")


def cached_for_large_run(
    key: str, run_number: int, phase: str, slices: int, compute: Callable[[], T]
) -> T:
    """Return compute(), cached for 10 s once the run has 20,000 slices.

    A run in another ``phase`` is computed anew.
    """
    if slices < LARGE:
        return compute()
    return cast("T", cache.get_or_set(f"{key}:{run_number}:{phase}", compute, CACHE_SECONDS))
