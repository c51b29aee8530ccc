"""Whether a server of ours answers, and not only somebody who listens on its port."""

from __future__ import annotations

import requests

PATIENCE = 1.0
"""Seconds that it has: threads that also answer heartbeats wait for it."""


def answers(url: str) -> bool:
    """Return whether a server answers ``url`` with success."""
    try:
        return requests.get(url, timeout=PATIENCE, allow_redirects=False).ok
    except requests.RequestException:
        return False
