"""Numbers that the monitor gives out, as workflow files ask for them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import requests

from swf_common_lib.api_utils import get_next_run_number
from swf_common_lib.errors import MonitorUnavailable
from tests.http_server import serving
from workflows.runner.http_session import WorkflowSession

LOGGER = logging.getLogger("test")


def monitor(method: str, path: str, body: Any) -> tuple[int, Any]:
    assert (method, path) == ("POST", "/api/state/next-run-number/")
    return 200, {"status": "success", "run_number": 100001}


def test_a_run_number() -> None:
    with serving(monitor) as url, requests.Session() as session:
        assert get_next_run_number(url + "/", session, LOGGER) == "100001"


def test_a_number_that_came_with_the_claim_is_used_first() -> None:
    with serving(monitor) as url:
        session = WorkflowSession(url, "token", lambda seconds: False, 100777)
        assert get_next_run_number(url, session, LOGGER) == "100777"
        assert get_next_run_number(url, session, LOGGER) == "100001"
        session.close()


@pytest.mark.parametrize("answer", [(401, {"detail": "no token"}), (200, b"<html>"), (200, [1])])
def test_an_answer_without_number(answer: tuple[int, Any]) -> None:
    with (
        serving(lambda *_: answer) as url,
        requests.Session() as session,
        pytest.raises(MonitorUnavailable, match=f"answers {answer[0]}"),
    ):
        get_next_run_number(url, session, LOGGER)


def test_no_answer() -> None:
    with requests.Session() as session, pytest.raises(MonitorUnavailable, match="run_number"):
        get_next_run_number("http://127.0.0.1:9", session, LOGGER)
