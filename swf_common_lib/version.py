"""The version of the testbed that this process runs."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1)
def own_version() -> str:
    """Return the version of the installed package; empty for files that were merely copied."""
    try:
        return version("swf-testbed")
    except PackageNotFoundError:
        return ""
