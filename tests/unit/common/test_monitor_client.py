"""The monitor's client: its errors are the monitor's, and patience has an end."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from swf_common_lib.errors import (
    ConfigurationError,
    Conflict,
    InvalidRequest,
    MonitorUnavailable,
    NotFound,
    TestbedError,
)
from swf_common_lib.monitor_client import FOREVER, MonitorClient, execution_path
from tests.http_server import serving
from tests.ports import free_port


def test_answers_and_errors() -> None:
    problems = {
        "/api/known/": (200, {"a": 1}),
        "/api/empty/": (204, b""),
        "/api/unknown/": (404, {"detail": "no such thing", "hint": "look again"}),
        "/api/conflict/": (409, {"error": "already ended"}),
        "/api/faulty/": (400, {"detail": "x", "problems": ["a", "b"]}),
        "/api/fields/": (400, {"speed": ["Not a number.", "Try 1."], "config": ["Too long."]}),
        "/api/broken/": (500, b"<html>"),
    }

    def answer(_method: str, path: str, _body: Any) -> tuple[int, Any]:
        return problems[path]

    with serving(answer) as url:
        client = MonitorClient(url + "/", "secret")
        assert client.get("known/") == {"a": 1}
        assert client.post("empty/") is None
        with pytest.raises(NotFound) as caught:
            client.get("unknown/")
        assert (caught.value.detail, caught.value.hint) == ("no such thing", "look again")
        with pytest.raises(Conflict, match="already ended"):
            client.patch("conflict/", {})
        with pytest.raises(ConfigurationError) as faulty:
            client.post("faulty/", {})
        assert faulty.value.problems == ["a", "b"]
        with pytest.raises(InvalidRequest, match=r"speed: Not a number. Try 1.; config: Too long"):
            client.post("fields/", {})
        with pytest.raises(TestbedError, match="answers 500 to GET /api/broken/"):
            client.get("broken/")
        client.session.close()


def test_what_is_not_the_monitor_is_told() -> None:
    pages = {"/api/page/": (200, b"<html>"), "/api/elsewhere/": (404, b"no such page")}

    with serving(lambda _method, path, _body: pages[path]) as url:
        client = MonitorClient(url, "secret")
        with pytest.raises(MonitorUnavailable, match="is not the monitor") as page:
            client.get("page/")
        assert "SWF_MONITOR_URL" in page.value.hint
        with pytest.raises(NotFound, match=f"at {url} answers 404") as elsewhere:
            client.get("elsewhere/")
        assert "SWF_MONITOR_URL" in elsewhere.value.hint
        with pytest.raises(InvalidRequest, match="nan and inf"):
            client.post("page/", {"value": float("nan")})
        client.session.close()


def test_unreachable_monitor_is_said_at_once_without_patience() -> None:
    client = MonitorClient(f"http://127.0.0.1:{free_port()}", "")
    with pytest.raises(MonitorUnavailable, match="is not reachable"):
        client.get("anything/")


def test_patience_lasts_until_the_monitor_is_there(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([(503, {"detail": "starting"}), (502, b""), (200, {"ok": True})])

    def answer(*_request: Any) -> tuple[int, Any]:
        return next(answers)

    with serving(answer) as url:
        client = MonitorClient(url, "", patience=FOREVER)
        assert client.get("status/") == {"ok": True}
        client.session.close()
    assert caplog.text.count("trying again") == 1


def test_stop_ends_patience() -> None:
    stop = threading.Event()
    stop.set()
    client = MonitorClient(f"http://127.0.0.1:{free_port()}", "", FOREVER, stop)
    with pytest.raises(MonitorUnavailable):
        client.get("anything/")


@pytest.mark.parametrize(
    ("execution_id", "path"),
    [
        ("stf_datataking-ann-0001", "workflow-executions/stf_datataking-ann-0001/stop/"),
        ("../runs", "workflow-executions/..%2Fruns/stop/"),
        ("a?b=c#d", "workflow-executions/a%3Fb%3Dc%23d/stop/"),
    ],
)
def test_an_id_stays_within_its_place_in_the_path(execution_id: str, path: str) -> None:
    assert execution_path(execution_id, "stop") == path


def test_what_the_monitor_says_is_away_is_kept() -> None:
    told = {"detail": "the database does not answer", "target": {"service": "database"}}
    with (
        serving(lambda _method, _path, _body: (503, told)) as url,
        pytest.raises(MonitorUnavailable) as caught,
    ):
        MonitorClient(url, "").get("status/")
    assert caught.value.target == {"service": "database"}
