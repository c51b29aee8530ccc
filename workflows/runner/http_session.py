"""The HTTP session of a workflow: it waits for a monitor that is away, but not past a stop.

It brings the run number that came with the claim of its execution: taking data begins without
another question to the monitor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from swf_common_lib.errors import MonitorUnavailable
from swf_common_lib.monitor_client import MonitorSession, new_session

TIMEOUT = 10.0
"""Seconds to wait for an answer, where the caller names none."""
AWAY_STATUS = {502, 503, 504}


class WorkflowSession(MonitorSession):
    """A ``requests.Session`` with the token, whose calls are tried again until they are answered.

    ``wait_stop(seconds)`` waits that long for a stop of the execution and returns whether one was
    asked for: then a call that is not answered raises MonitorUnavailable. ``run_number`` is one
    that the monitor has given out for the execution.
    """

    def __init__(
        self,
        url: str,
        token: str,
        wait_stop: Callable[[float], bool],
        run_number: int | None = None,
        ca_certs: str = "",
    ) -> None:
        super().__init__()
        self._run_number = run_number
        template = new_session(url, token, ca_certs)
        self.trust_env = template.trust_env
        self.verify = template.verify
        self.headers.update(template.headers)
        self._wait_stop = wait_stop

    def take_run_number(self) -> int | None:
        """Return the run number that came with the claim; None once it is taken."""
        number, self._run_number = self._run_number, None
        return number

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request; see ``requests.Session.request``."""
        options["timeout"] = options.get("timeout") or TIMEOUT
        delay = 0.1
        while True:
            try:
                answer = super().request(method, url, **options)
            except (requests.ConnectionError, requests.Timeout) as error:
                if self._wait_stop(delay):
                    raise MonitorUnavailable(f"{url!s} did not answer before the stop") from error
            else:
                if answer.status_code not in AWAY_STATUS or self._wait_stop(delay):
                    return answer
            delay = min(2 * delay, 2.0)
