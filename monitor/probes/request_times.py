"""How long requests take, by view, method and class of status: labels that no caller can invent."""

from __future__ import annotations

from django.http import HttpRequest
from prometheus_client import Histogram

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNKNOWN, OTHER = "unknown", "other"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


def new_request_times() -> Histogram:
    """Make the histogram of one server: it is in no registry that others share."""
    return Histogram(
        "swf_http_request_duration_seconds",
        "Time from a request's last byte to its answer's first; streams are left out.",
        ("view", "method", "status"),
        buckets=_BUCKETS,
        registry=None,
    )


def note_request(times: Histogram, request: HttpRequest, status_code: int, seconds: float) -> None:
    """Note that a request was answered."""
    match = request.resolver_match
    view = match.view_name if match is not None and match.view_name else UNKNOWN
    method = request.method if request.method in _METHODS else OTHER
    times.labels(view, method, f"{status_code // 100}xx").observe(seconds)
