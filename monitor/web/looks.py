"""The look at the testbed that a page shows: the web process keeps it for a second."""

from __future__ import annotations

from django.http import HttpRequest

from monitor.diagnosis.recent import RecentLooks

SCOPE_KEY = "swf.looks"
"""Where a request that comes through the web process has what that process keeps."""


def looks_for(request: HttpRequest) -> RecentLooks:
    """Return what the web process keeps; for a request from elsewhere, a look of its own."""
    kept = getattr(request, "scope", {}).get(SCOPE_KEY)
    return kept if isinstance(kept, RecentLooks) else RecentLooks()
