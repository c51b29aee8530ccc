"""The monitor's REST interface, as agents, runner and command line use it."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from swf_common_lib.errors import (
    ConfigurationError,
    Conflict,
    InvalidRequest,
    MonitorUnavailable,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TestbedError,
)
from swf_common_lib.settings import Settings

TIMEOUT = 10.0
"""Seconds to wait for an answer."""
FOREVER = float("inf")
FIRST_DELAY = 0.1
"""Seconds until the first repetition; each further one waits twice as long, 2 s at most."""
_RETRY_STATUS = {502, 503, 504}
_ERRORS: dict[int, type[TestbedError]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
}

logger = logging.getLogger(__name__)


class MonitorClient:
    """Calls REST and raises the errors of ``swf_common_lib.errors``.

    While the monitor does not answer, a call is tried again for ``patience`` seconds (0: not at
    all; ``FOREVER``: until ``stop`` is set), then raises MonitorUnavailable. One that has not
    answered for ``timeout`` seconds does not answer.
    """

    def __init__(
        self,
        url: str,
        token: str,
        patience: float = 0.0,
        stop: threading.Event | None = None,
        ca_certs: str = "",
        timeout: float = TIMEOUT,
    ) -> None:
        self.url = url.rstrip("/")
        self.patience = patience
        self.timeout = timeout
        self._stop = stop or threading.Event()
        self.session = new_session(self.url, token, ca_certs)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        patience: float = 0.0,
        stop: threading.Event | None = None,
        timeout: float = TIMEOUT,
    ) -> MonitorClient:
        """Return a client for the monitor that the settings name."""
        return cls(
            settings.swf_monitor_url,
            settings.swf_api_token,
            patience,
            stop,
            settings.swf_monitor_ca_certs,
            timeout,
        )

    def get(self, path: str, **params: Any) -> Any:
        """GET a path below ``/api/``; None values among ``params`` are left out."""
        chosen = {name: value for name, value in params.items() if value is not None}
        return _decoded(self._call("GET", path, params=chosen))

    def get_all(self, path: str, **params: Any) -> list[Any]:
        """GET all pages of a list below ``/api/``."""
        answer = self._call("GET", path, params=params)
        rows: list[Any] = answer.json()
        while following := answer.links.get("next"):
            answer = self._call("GET", following["url"].partition("/api/")[2])
            rows += answer.json()
        return rows

    def post(self, path: str, body: Any = None) -> Any:
        """POST a JSON body to a path below ``/api/``."""
        return _decoded(self._call("POST", path, json={} if body is None else body))

    def patch(self, path: str, body: Any) -> Any:
        """PATCH a path below ``/api/`` with a JSON body."""
        return _decoded(self._call("PATCH", path, json=body))

    def _call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        deadline = time.monotonic() + self.patience
        delay = FIRST_DELAY
        while True:
            try:
                return self._call_once(method, path, **arguments)
            except MonitorUnavailable as error:
                if delay == FIRST_DELAY and self.patience:
                    logger.warning("%s; trying again", error.detail)
                if time.monotonic() + delay > deadline or self._stop.wait(delay):
                    raise
                delay = min(2 * delay, 2.0)

    def _call_once(self, method: str, path: str, **arguments: Any) -> requests.Response:
        url = f"{self.url}/api/{path.lstrip('/')}"
        try:
            answer = self.session.request(method, url, timeout=self.timeout, **arguments)
        except requests.exceptions.InvalidJSONError as error:
            raise InvalidRequest(
                "nan and inf are no values that can be sent", "Give finite numbers."
            ) from error
        except requests.RequestException as error:
            raise MonitorUnavailable(
                f"the monitor at {self.url} is not reachable ({type(error).__name__})",
                "Start it (testbed start-local), or correct SWF_MONITOR_URL.",
            ) from error
        if answer.status_code in _RETRY_STATUS:
            raise MonitorUnavailable(
                f"the monitor at {self.url} answers {answer.status_code}: {_detail(answer)}",
                "See testbed status.",
                target=_target(answer),
            )
        if not answer.ok:
            raise _error(answer)
        return answer


class MonitorSession(requests.Session):
    """A ``requests.Session`` whose own ``verify`` counts more than REQUESTS_CA_BUNDLE."""

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Return the settings for one request."""
        chosen = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, chosen, cert)


def new_session(url: str, token: str, ca_certs: str = "") -> MonitorSession:
    """Return an HTTP session that carries the token and trusts the authorities in ``ca_certs``.

    Raises ConfigurationError when there is no such file.
    """
    if ca_certs and not Path(ca_certs).is_file():
        problem = f"SWF_MONITOR_CA_CERTS: there is no file {ca_certs}"
        raise ConfigurationError([problem], "Put the authority's certificate (PEM) there.")
    session = MonitorSession()
    session.verify = ca_certs or True
    # On plain HTTP nothing of the environment (proxies, .netrc) may divert or replace the token.
    session.trust_env = url.startswith("https:")
    if token:
        session.headers["Authorization"] = f"Token {token}"
    return session


def execution_path(execution_id: str, *further: str) -> str:
    """Return the path of an execution below ``/api/``, whatever characters its id has."""
    return "/".join(("workflow-executions", quote(execution_id, safe=""), *further, ""))


def _decoded(answer: requests.Response) -> Any:
    try:
        return answer.json() if answer.content else None
    except ValueError as error:
        raise MonitorUnavailable(
            f"what answers at {answer.url} is not the monitor: its answer is not JSON",
            "Correct SWF_MONITOR_URL.",
        ) from error


def _problem(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _target(answer: requests.Response) -> dict[str, str] | None:
    """Return what the remedy that the monitor names is carried out on; None where it names none."""
    target = _problem(answer).get("target")
    return target if isinstance(target, dict) else None


def _detail(answer: requests.Response) -> str:
    problem = _problem(answer)
    detail = problem.get("detail") or problem.get("error") or _field_errors(problem)
    text = "" if "html" in answer.headers.get("Content-Type", "") else answer.text[:500]
    return str(detail or text or f"{answer.status_code} {answer.reason}")


def _field_errors(problem: dict[str, Any]) -> str:
    """Return REST framework's errors of fields (a list of texts each) as one text."""
    return "; ".join(
        f"{name}: {' '.join(str(text) for text in texts)}"
        for name, texts in problem.items()
        if isinstance(texts, list)
    )


def _error(answer: requests.Response) -> TestbedError:
    problem = _problem(answer)
    hint = str(problem.get("hint", ""))
    if isinstance(problem.get("problems"), list):
        return ConfigurationError([str(fault) for fault in problem["problems"]], hint)
    kind = _ERRORS.get(answer.status_code)
    if kind is None or not problem:  # the monitor's own refusals are JSON
        origin = answer.url.partition("/api/")[0]
        return (kind or TestbedError)(
            f"the monitor at {origin} answers {answer.status_code} to {answer.request.method}"
            f" {answer.request.path_url}: {_detail(answer)}",
            hint or "See testbed logs web, and whether SWF_MONITOR_URL is the monitor's address.",
        )
    return kind(_detail(answer), hint)
