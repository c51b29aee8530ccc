"""Run numbers, which the monitor assigns, each once.

The function takes the session of whoever asks, so that workflow files can use it with
``runner.monitor_url``, ``runner.api_session`` and ``runner.logger``.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol, TypeAlias, runtime_checkable

import requests

from swf_common_lib.errors import MonitorUnavailable

TIMEOUT = 10.0
"""Seconds to wait for an answer."""

Logger: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"


@runtime_checkable
class BringsRunNumber(Protocol):
    """A session with a run number that the monitor gave out already."""

    def take_run_number(self) -> int | None:
        """Return that number the first time; None afterwards, or when there is none."""
        ...


def get_next_run_number(monitor_url: str, session: requests.Session, logger: Logger) -> str:
    """Return a new, unused run number as text. Raises MonitorUnavailable.

    The monitor is asked when the session brings none: a runner's brings the one that came with
    the claim of its execution.
    """
    number = session.take_run_number() if isinstance(session, BringsRunNumber) else None
    if number is None:
        number = _next(monitor_url, session)
    logger.info("run number %s", number, extra={"run_id": str(number)})
    return str(number)


def _next(monitor_url: str, session: requests.Session) -> int:
    url = f"{monitor_url.rstrip('/')}/api/state/next-run-number/"
    try:
        answer = session.post(url, json={}, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise MonitorUnavailable(
            f"the monitor at {monitor_url} gave no run_number ({type(error).__name__})",
            "Start it (testbed start-local), or correct SWF_MONITOR_URL.",
        ) from error
    try:
        return int(answer.json()["run_number"])
    except (ValueError, KeyError, TypeError) as error:
        raise MonitorUnavailable(
            f"the monitor answers {answer.status_code} to {url}, without run_number:"
            f" {answer.text[:200]}",
            "Check SWF_MONITOR_URL and SWF_API_TOKEN.",
        ) from error
