"""``python -m monitor serve`` as a process: its port, its streams, its end."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.integration.api.live_server import Server, live_server
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], dict[str, str]]
) -> Iterator[Server]:
    with live_server(tmp_path_factory.mktemp("runtime"), new_database()) as server:
        yield server


def events(answer: requests.Response) -> Iterator[dict[str, Any]]:
    """Read a stream's events: name, id, data."""
    event: dict[str, Any] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if not line and event:
            yield event
            event = {}
        name, _, value = line.partition(": ")
        if name:
            event[name] = json.loads(value) if name == "data" else value


Opener = Callable[..., Iterator[dict[str, Any]]]


@pytest.fixture
def opened(server: Server) -> Iterator[Opener]:
    """Open streams; they are closed at the end."""
    answers: list[requests.Response] = []

    def opener(query: str = "", **headers: str) -> Iterator[dict[str, Any]]:
        answer = server.session().get(
            f"{server.url}/api/messages/stream/{query}",
            stream=True,
            timeout=PATIENCE,
            headers=headers,
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/event-stream"
        answers.append(answer)
        stream = events(answer)
        assert next(stream)["event"] == "connected"
        return stream

    yield opener
    for answer in answers:
        answer.close()


def test_a_stream_gives_what_comes_and_resumes(server: Server, opened: Opener) -> None:
    server.add_message(1)
    everything, filtered = opened(), opened("?msg_type=stf_ready&namespace=n&agent=a,b")
    server.add_message(2)
    server.add_message(3, "stf_ready", "a")
    second, third = next(everything), next(everything)
    assert (second["event"], second["data"]["sequence"]) == ("stf_gen", 2)
    assert third["data"]["msg_type"] == "stf_ready"
    assert next(filtered)["id"] == third["id"]

    session = server.session()
    status = session.get(f"{server.url}/api/messages/stream/status/", timeout=PATIENCE).json()
    assert status["connected_clients"] == len(status["client_ids"]) == 2

    resumed = opened(**{"Last-Event-ID": second["id"]})
    assert next(resumed)["id"] == third["id"]


def test_streams_that_are_refused(server: Server) -> None:
    url = f"{server.url}/api/messages/stream/"
    assert requests.get(url, timeout=PATIENCE).status_code == 401
    assert requests.get(f"{url}status/", timeout=PATIENCE).status_code == 401
    session = server.session()
    for query in ("?colour=blue", "?last_event_id=x"):
        answer = session.get(url + query, timeout=PATIENCE)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert session.post(url, timeout=PATIENCE).status_code in (403, 405)


def test_ordinary_answers(server: Server) -> None:
    session = server.session()
    assert session.post(f"{server.url}/api/state/next-run-number/", timeout=PATIENCE).ok
    assert session.get(f"{server.url}/api/status/", timeout=PATIENCE).json()["findings"]
    record: dict[str, Any] = {"app_name": "a", "instance_name": "i", "level": 20}
    record |= {"timestamp": "2026-05-01T12:00:00Z", "levelname": "INFO", "message": "m"}
    assert (
        requests.post(f"{server.url}/api/logs/", json=record, timeout=PATIENCE).status_code == 201
    )
    assert requests.get(f"{server.url}/login/", timeout=PATIENCE).status_code == 200
    sheet = f"{server.url}/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css"
    assert len(requests.get(sheet, timeout=PATIENCE).content) > 10_000


def test_a_taken_port_names_its_setting(server: Server) -> None:
    second = server.run("serve")
    assert second.returncode == 1
    assert "SWF_WEB_PORT" in second.stderr
    assert "Traceback" not in second.stderr


def test_it_ends_with_streams_open(server: Server, opened: Opener) -> None:
    opened()
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    status = server.process.wait(timeout=PATIENCE)
    assert status == 0
    log = (server.folder / "log").read_text()
    assert "Traceback" not in log, log
