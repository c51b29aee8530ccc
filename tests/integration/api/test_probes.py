"""``/healthz``, ``/readyz`` and ``/metrics`` of the real server."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.urls import get_resolver
from prometheus_client.parser import text_string_to_metric_families as parsed

from swf_common_lib.settings import load_settings
from tests.integration.api.live_server import Server, live_server
from tests.monitor_database import MonitorDatabase
from tests.waiting import PATIENCE

NewDatabase = Callable[[], dict[str, str]]
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Server]:
    with live_server(tmp_path_factory.mktemp("runtime"), new_database()) as server:
        yield server


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> requests.Response:
    """Ask without a token."""
    return requests.request(method, f"{server.url}{path}", headers=headers, timeout=PATIENCE)


def scrape(server: Server, **headers: str) -> Series:
    answer = server.session().get(f"{server.url}/metrics", timeout=PATIENCE, headers=headers)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parsed(answer.text)
        for sample in family.samples
    }


def labels(series: Series, name: str) -> list[dict[str, str]]:
    return [dict(pairs) for found, pairs in series if found == name]


def test_it_serves(server: Server) -> None:
    answer = ask(server, "/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["Cache-Control"] == "no-store"
    head = ask(server, "/healthz", "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    post = ask(server, "/healthz", "POST")
    assert (post.status_code, post.headers["Allow"]) == (405, "GET, HEAD")
    # Who probes by address knows no host name of ours.
    assert ask(server, "/healthz", Host="192.0.2.1").status_code == 200


def test_it_is_not_ready_without_broker_and_ingest_and_tells_no_secret(server: Server) -> None:
    answer = ask(server, "/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {
            "database": {"ready": True},
            "broker": {"ready": False, "problem": "the broker does not answer"},
            "ingest": {"ready": False, "problem": "it has never reported"},
        },
    }
    settings = load_settings(environ=server.environ)
    assert str(settings.activemq_port) not in answer.text
    assert ask(server, "/readyz", "POST").status_code == 405


def test_figures_need_a_token(server: Server) -> None:
    answer = ask(server, "/metrics")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ask(server, "/metrics", Authorization="Bearer wrong").status_code == 401
    assert ask(server, "/metrics", "POST").status_code == 405


def test_networks_that_a_setting_names_need_none(
    tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase
) -> None:
    chosen = {**new_database(), "SWF_METRICS_NETWORKS": "127.0.0.0/8"}
    with live_server(tmp_path_factory.mktemp("runtime"), chosen) as server:
        assert ask(server, "/metrics").status_code == 200
        # Through a reverse proxy on this host.
        proxied = {"X-Forwarded-For": "192.0.2.7"}
        assert ask(server, "/metrics", **proxied).status_code == 401
        assert ask(server, "/api/status/").status_code == 401


def test_every_state_has_a_series_from_the_beginning(server: Server) -> None:
    series = scrape(server)

    for name, label, values in (
        ("swf_executions", "status", 6),
        ("swf_runs", "phase", 5),
        ("swf_slices", "status", 4),
    ):
        assert len({found[label] for found in labels(series, name)}) == values
    assert series["swf_database_up", ()] == 1
    assert series["swf_ingest_up", ()] == 0
    assert series["swf_queues_known", ()] == 0
    assert not labels(series, "swf_queue_consumers")
    assert ("swf_ingest_lag_seconds", ()) not in series
    assert {"code": "port_taken"} in labels(series, "swf_findings")


def test_what_is_recorded_is_told(
    tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase
) -> None:
    with live_server(tmp_path_factory.mktemp("runtime"), new_database()) as server:
        for number in (1, 2, 3):
            server.add_message(number)
        database = MonitorDatabase(load_settings(environ=server.environ))
        session = server.session()
        agent = {"instance_name": "a-1", "agent_type": "data", "status": "OK"}
        beat = f"{server.url}/api/systemagents/heartbeat/"
        assert session.post(beat, json=agent, timeout=PATIENCE).ok
        run = {"run_number": 100001, "start_time": "2026-05-01T12:00:00Z"}
        made = session.post(f"{server.url}/api/runs/", json=run, timeout=PATIENCE)
        assert made.status_code == 201, made.text
        state = {"run_number": 100001, "phase": "physics"}
        session.post(f"{server.url}/api/run-states/", json=state, timeout=PATIENCE)
        database.write(
            "UPDATE records_runstate SET phase = 'physics', slices_queued = %s, slices_failed = %s",
            (7, 2),
        )

        series = scrape(server)

    assert series["swf_messages_recorded_total", ()] == 3
    assert series["swf_agents", (("agent_type", "data"), ("liveness", "alive"))] == 1
    assert series["swf_runs", (("phase", "physics"),)] == 1
    assert series["swf_slices", (("status", "queued"),)] == 7
    assert series["swf_slices", (("status", "failed"),)] == 2


def test_requests_are_timed_by_view_method_and_class_of_status(server: Server) -> None:
    session = server.session()
    session.get(f"{server.url}/api/runs/", timeout=PATIENCE)
    ask(server, "/api/runs/")

    series = scrape(server)

    def count(status: str) -> float:
        named = (("method", "GET"), ("status", status), ("view", "runs-list"))
        return series["swf_http_request_duration_seconds_count", named]

    assert count("2xx") >= 1
    assert count("4xx") >= 1


def test_no_caller_can_make_more_series(server: Server) -> None:
    """Floods of odd addresses, methods and agents: the labels are those that the code has."""
    chance = random.Random(8)

    def random_word() -> str:
        letters = string.ascii_letters + "-_.~%2Fé"
        return "".join(chance.choices(letters, k=chance.randrange(1, 12)))

    def flood() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        session = server.session()
        for method in ("GET", "POST", "BREW", random_word().upper().replace("%", "X")):
            for start in ("/", "/api/", "/runs/", "/api/runs/", "/static/", "/executions/"):
                path = f"{start}{random_word()}/{random_word()}?{random_word()}"
                method = method.encode("ascii", "ignore").decode() or "X"
                session.request(method, f"{server.url}{path}", timeout=PATIENCE)
        for _ in range(3):
            agent: dict[str, Any] = {"instance_name": f"x-{random_word()}", "status": "OK"}
            agent["agent_type"] = f"type-{chance.randrange(10**9)}"
            beat = f"{server.url}/api/systemagents/heartbeat/"
            assert session.post(beat, json=agent, timeout=PATIENCE).ok
        return set(scrape(server))

    flood()
    before = flood()
    for _ in range(2):
        new = flood() - before
        assert {name for name, _ in new} <= {
            f"swf_http_request_duration_seconds_{part}"
            for part in ("bucket", "count", "sum", "created")
        }
        before |= new
    known = {"other", "data", "ingest", "workflow_runner"}
    assert {one["agent_type"] for one in labels(scrape(server), "swf_agents")} <= known
    times = labels(scrape(server), "swf_http_request_duration_seconds_count")
    assert {one["method"] for one in times} <= {"GET", "POST", "HEAD", "other"}
    assert {one["status"] for one in times} <= {"2xx", "3xx", "4xx", "5xx"}
    odd = [one["view"] for one in times if one["view"] not in known_views()]
    assert odd == []


def known_views() -> set[str]:
    """Return the names of all views, as the resolver knows them; what fits none is "unknown"."""

    def names(resolver: Any, namespace: str = "") -> Iterator[str]:
        for pattern in resolver.url_patterns:
            if hasattr(pattern, "url_patterns"):
                inner = f"{pattern.namespace}:" if pattern.namespace else ""
                yield from names(pattern, namespace + inner)
            else:
                yield namespace + (pattern.name or pattern.lookup_str)

    return {"unknown", *names(get_resolver())}


def test_the_other_text_format_is_given_to_who_asks_for_it(server: Server) -> None:
    answer = server.session().get(
        f"{server.url}/metrics",
        headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        timeout=PATIENCE,
    )

    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
